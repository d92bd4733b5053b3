from django.urls import path

from apps.api.portal import views

urlpatterns = [
    path("authenticate/user", views.InitiateView.as_view()),
    path("authenticate/transaction/<str:transaction_id>", views.TransactionView.as_view()),
]
