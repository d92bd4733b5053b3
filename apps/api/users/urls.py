"""Paths of the user API. The versions differ in the members of a device."""

from django.urls import URLPattern, path

from apps.api.users import views

DEVICE = "users/<str:user_id>/devices/<str:device_id>"


def shared(devices: type[views.DevicesView]) -> list[URLPattern]:
    return [
        path("users/<str:user_id>/enrollment-codes", views.EnrollmentCodesView.as_view()),
        path("users/<str:user_id>/devices", devices.as_view()),
        path(DEVICE, views.DeviceView.as_view()),
        path(f"{DEVICE}/disableFingerprint", views.DisableFingerprintView.as_view()),
        path(f"{DEVICE}/disableMobileAuthentication", views.DisableMobileAuthenticationView.as_view()),
        path(f"{DEVICE}/disablePushAuthentication", views.DisablePushAuthenticationView.as_view()),
    ]


v3 = shared(views.DevicesV3View)
v4 = shared(views.DevicesView)
