from django.urls import path

from apps.api.users import views

urlpatterns = [path("users/<str:user_id>/enrollment-codes", views.EnrollmentCodesView.as_view())]
