from django.urls import path

from apps.api.device import views

urlpatterns = [
    path("enrollments", views.EnrollmentsView.as_view()),
    path("enrollments/<str:profile_id>", views.EnrollmentView.as_view()),
    path("enrollments/<str:profile_id>/push", views.PushEnrollmentView.as_view()),
    path("enrollments/<str:profile_id>/authenticators", views.AuthenticatorsView.as_view()),
    path("push-token", views.PushTokenView.as_view()),
    path("otp", views.OtpView.as_view()),
    path("transactions", views.TransactionsView.as_view()),
    path("transactions/<str:transaction_id>/fetch", views.FetchView.as_view()),
    path("transactions/<str:transaction_id>/code", views.CodeView.as_view()),
    path("transactions/<str:transaction_id>/answer", views.AnswerView.as_view()),
]
