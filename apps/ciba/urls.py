"""Paths of OpenID Connect CIBA. Some clients build the path of an authentication request from the issuer."""

from django.urls import path

from apps.ciba import views

urlpatterns = [
    path(".well-known/openid-configuration", views.DiscoveryView.as_view()),
    path("oauth/jwks", views.KeySetView.as_view()),
    path("oauth/bc-authorize", views.BackchannelAuthenticationView.as_view()),
    path("bc-authorize", views.ShortPathBackchannelAuthenticationView.as_view()),
    path("oauth/token", views.TokenView.as_view()),
    path("oauth/userinfo", views.UserinfoView.as_view()),
]
