"""Paths of integrations with identity providers."""

from django.urls import path

from apps.integrations import views

urlpatterns = [path("keycloak/<str:integration_name>", views.KeycloakView.as_view())]
