from django.urls import path

from apps.demo import views

app_name = "demo"
urlpatterns = [
    path("", views.page, name="page"),
    path("state", views.state, name="state"),
    path("sign-in", views.sign_in, name="sign-in"),
    path("leave", views.leave, name="leave"),
    path("verify", views.verify, name="verify"),
    path("resend", views.resend, name="resend"),
    path("qr.svg", views.qr_code, name="qr-code"),
    path("otp.txt", views.otp, name="otp"),
    path("phone/scan", views.scan, name="scan"),
    path("phone/answer", views.answer, name="answer"),
    path("phone/enroll", views.enroll, name="enroll"),
    path("phone/unenroll", views.unenroll, name="unenroll"),
    path("web-phone", views.web_phone, name="web-phone"),
    path("own-browser", views.own_browser, name="own-browser"),
    path("real-phone/", views.real_phone, name="real-phone"),
    path("reset", views.reset, name="reset"),
    path("callback", views.callback, name="callback"),
    path("sms", views.sms),
    path("fcm/token", views.fcm_token),
    path("fcm/v1/projects/<str:project_id>/messages:send", views.fcm_send),
]
