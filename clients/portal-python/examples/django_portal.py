"""Portal with Django: a user signs in with a push. Start it with `python examples/django_portal.py`.

`POST /sign-in` with `user_id` starts an authentication, and `GET /sign-in` returns its state. Both belong to the
session of the browser. Countersign calls `/countersign/callback`.
"""

import os
import secrets
import sys

from countersign import CallbackHandler, CallbackVerifier, Client, CountersignError, TransactionResult
from django.conf import settings
from django.core.management import execute_from_command_line
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

PORT = os.environ.get("PORT", "8001")
CALLBACK_URL = f"http://127.0.0.1:{PORT}/countersign/callback"
# A portal with several processes stores the results in its database.
RESULTS: dict[str, TransactionResult] = {}

portal = Client(
    os.environ["COUNTERSIGN_URL"],
    os.environ["COUNTERSIGN_CLIENT_ID"],
    os.environ["COUNTERSIGN_CLIENT_SECRET"],
)
verifier = CallbackVerifier(
    signing_secrets=os.environ["COUNTERSIGN_SIGNING_SECRETS"].split(),
    credentials=(os.environ["COUNTERSIGN_CALLBACK_USERNAME"], os.environ["COUNTERSIGN_CALLBACK_PASSWORD"]),
)


def store(result: TransactionResult) -> None:
    RESULTS[result.transaction_id] = result


callbacks = CallbackHandler(portal, verifier, store)


@csrf_exempt
@require_POST
def callback(request: HttpRequest) -> HttpResponse:
    response = callbacks.handle(request.headers, request.body)
    return HttpResponse(response.body, status=response.status, headers=dict(response.headers))


@csrf_exempt  # a portal with pages has a form with a CSRF token
def sign_in(request: HttpRequest) -> HttpResponse:
    if request.method == "POST":
        return start(request)
    result = RESULTS.get(request.session.get("transaction_id", ""))
    if result is None:
        return JsonResponse({"status": "pending"})
    # The session decides who signs in: the result must be of the user that this browser named.
    if result.is_authenticated and result.user_id == request.session["user_id"]:
        request.session.cycle_key()
        return JsonResponse({"status": "signed in", "user_id": result.user_id})
    return JsonResponse({"status": result.status})


def start(request: HttpRequest) -> HttpResponse:
    user_id = request.POST.get("user_id", "")
    try:
        devices = portal.devices(user_id) if user_id else []
        started = portal.start_push(
            "login",
            user_id=user_id,
            # The device that the user used last.
            device_id=max(devices, key=lambda device: device.last_login).id if devices else "",
            callback_uri=CALLBACK_URL,
            secure_message="Sign in to the shop?",
            ip_address=request.META["REMOTE_ADDR"],
            user_agent=request.headers.get("User-Agent", ""),
        )
    except CountersignError:
        return JsonResponse({"status": "not available"}, status=503)
    request.session.update({"transaction_id": started.transaction_id, "user_id": user_id})
    return JsonResponse({"status": "pending"}, status=202)


urlpatterns = [path("sign-in", sign_in), path("countersign/callback", callback)]

if __name__ == "__main__":
    settings.configure(
        ROOT_URLCONF=__name__,
        SECRET_KEY=secrets.token_urlsafe(50),
        ALLOWED_HOSTS=["127.0.0.1"],
        MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware"],
        SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
        SESSION_COOKIE_HTTPONLY=True,
    )
    execute_from_command_line([sys.argv[0], "runserver", "--noreload", f"127.0.0.1:{PORT}"])
