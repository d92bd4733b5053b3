"""Paths of the portal API by version. The versions differ in E1 and in the members of E2."""

from django.urls import URLPattern, path

from apps.api.portal import views
from apps.transactions.request.parameters import ApiVersion

START_VIEWS = {
    ApiVersion.V2: views.StartAuthenticationV2View,
    ApiVersion.V3: views.StartAuthenticationV3View,
    ApiVersion.V4: views.StartAuthenticationView,
}


def shared(version: ApiVersion) -> list[URLPattern]:
    user_types = views.UserTypesView if version == ApiVersion.V4 else views.UserTypesByApplicationView
    return [
        path("authenticate/user", START_VIEWS[version].as_view(version=version)),
        path("authenticate/user/<str:user_id>/enabled", user_types.as_view(version=version)),
        path("authenticate/user/<str:user_id>/sms", views.VerifyCodeView.as_view(version=version)),
        path("authenticate/user/<str:user_id>/code", views.VerifyPhoneCodeView.as_view(version=version)),
        path("authenticate/user/<str:user_id>/sms/resend", views.ResendCodeView.as_view(version=version)),
        path("authenticate/transaction/<str:transaction_id>", views.TransactionView.as_view(version=version)),
        path("authenticate/transaction/<str:transaction_id>/resend", views.ResendPushView.as_view(version=version)),
    ]


v2 = [
    *shared(ApiVersion.V2),
    path("authenticate/user/<str:user_id>/enabled/types", views.TypeNamesView.as_view(version=ApiVersion.V2)),
]
v3 = [
    *shared(ApiVersion.V3),
    path(
        "authenticate/user/<str:user_id>/application/<str:app_id>/enabled",
        views.ApplicationTypesView.as_view(version=ApiVersion.V3),
    ),
]
v4 = [
    *shared(ApiVersion.V4),
    path(
        "authenticate/user/<str:user_id>/device/<str:device_id>/enabled",
        views.DeviceTypesView.as_view(version=ApiVersion.V4),
    ),
]
