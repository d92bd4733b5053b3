"""Views of the demo: its page and buttons, the callback URL of the shop, the SMS gateway and the fake of Google."""

import io
import re
from collections.abc import Callable
from typing import Any

import segno
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt, ensure_csrf_cookie
from django.views.decorators.http import require_GET, require_POST

from apps.common import untrusted_json
from apps.demo import controller, fcm, sms_inbox
from apps.demo.device import KEY_KINDS
from apps.demo.phone import NAME, PIN, ApprovalInput, PhoneError
from apps.demo.portal import SHOP, PortalError
from apps.demo.visit import SignInMethod, Status

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# The order matters: a browser also names the browsers after it in this list.
BROWSERS = [("Edg", "Edge"), ("OPR", "Opera"), ("Firefox", "Firefox"), ("Chrome", "Chrome"), ("Safari", "Safari")]


@require_GET
@never_cache
@ensure_csrf_cookie
def page(request: HttpRequest) -> HttpResponse:
    response = render(request, "demo/index.html", {"shop": SHOP, "phone_name": NAME, "pin": PIN})
    response["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    return response


def _state_response(action: Callable[[controller.Demo], object] | None = None) -> JsonResponse:
    """Run the action of a button and return the state of the page. Errors are in the member `error`."""
    try:
        demo = controller.current()
        if action is not None:
            action(demo)
        return JsonResponse(demo.poll())
    except controller.NotSetUp as error:
        return JsonResponse({"error": str(error)}, status=503)
    except (PortalError, PhoneError) as error:
        return JsonResponse({**demo.poll(), "error": str(error)}, status=502)


@require_GET
@never_cache
def state(_request: HttpRequest) -> JsonResponse:
    return _state_response()


@require_POST
def sign_in(request: HttpRequest) -> JsonResponse:
    """Start an authentication with the form field `method`, by default the last method."""
    browser, method = _browser(request.headers.get("User-Agent", "")), request.POST.get("method", "")
    if method and method not in list(SignInMethod):
        return JsonResponse(
            {"error": _("The method must be one of %(methods)s.") % {"methods": ", ".join(SignInMethod)}}, status=400
        )
    return _state_response(lambda demo: demo.sign_in(browser, SignInMethod(method) if method else None))


@require_POST
def leave(_request: HttpRequest) -> JsonResponse:
    return _state_response(lambda demo: demo.leave())


@require_POST
def verify(request: HttpRequest) -> JsonResponse:
    """Verify the form field `code`. Spaces in it are ignored."""
    code = "".join(request.POST.get("code", "").split())[:20]
    return _state_response(lambda demo: demo.verify(code))


@require_POST
def resend(_request: HttpRequest) -> JsonResponse:
    return _state_response(lambda demo: demo.portal.resend())


@require_GET
@never_cache
def qr_code(_request: HttpRequest) -> HttpResponse:
    """Return the one-time password of the shop as a QR code."""
    try:
        visit = controller.current().portal.visit
    except controller.NotSetUp as error:
        return JsonResponse({"error": str(error)}, status=503)
    if visit.status != Status.SCAN:
        return HttpResponse(status=404)
    image = io.BytesIO()
    qr = segno.make(visit.otp, error="l", boost_error=False)
    qr.save(image, kind="svg", border=2, dark="#16232b", light="#fff", omitsize=True)
    return HttpResponse(image.getvalue(), content_type="image/svg+xml")


@require_POST
def scan(_request: HttpRequest) -> JsonResponse:
    return _state_response(lambda demo: demo.scan())


@require_POST
def answer(request: HttpRequest) -> JsonResponse:
    """Approve or deny on the phone. Form fields: `transaction_id`, `decision`, `pin`, `fingerprint`, `number`."""
    decision, transaction_id = request.POST.get("decision"), request.POST.get("transaction_id", "")
    pin, number = (request.POST.get(name, "")[:20] for name in ("pin", "number"))
    approval = ApprovalInput(pin, uses_fingerprint=bool(request.POST.get("fingerprint")), number=number)
    if decision not in ("approve", "deny"):
        return JsonResponse({"error": _("The decision must be approve or deny.")}, status=400)
    return _state_response(lambda demo: demo.phone.answer(transaction_id, approval, approve=decision == "approve"))


@require_POST
def enroll(request: HttpRequest) -> JsonResponse:
    """Enrol the phone with keys of the kind in the form field `keys`, by default JOSE."""
    kind = KEY_KINDS.get(request.POST.get("keys", "jose"))
    if kind is None:
        return JsonResponse(
            {"error": _("The keys must be one of %(kinds)s.") % {"kinds": ", ".join(KEY_KINDS)}}, status=400
        )
    return _state_response(lambda demo: demo.enroll(kind))


@require_POST
def unenroll(_request: HttpRequest) -> JsonResponse:
    return _state_response(lambda demo: demo.unenroll())


@require_POST
def reset(_request: HttpRequest) -> JsonResponse:
    return _state_response(lambda demo: demo.reset())


def _browser(user_agent: str) -> str:
    for token, name in BROWSERS:
        if re.search(rf"\b{token}/", user_agent):
            return name
    return _("an unknown browser")


@csrf_exempt
@require_POST
def callback(request: HttpRequest) -> HttpResponse:
    """Receive a callback of the server. The shop requests the result itself."""
    try:
        demo = controller.current()
    except controller.NotSetUp as error:
        return JsonResponse({"error": str(error)}, status=503)
    if not demo.portal.is_authorized(request.headers.get("Authorization", "")):
        return HttpResponse(status=401, headers={"WWW-Authenticate": 'Basic realm="shop"'})
    transaction_id = _json(request).get("transaction_id")
    if not isinstance(transaction_id, str):
        return JsonResponse({"error": _("The body must be JSON with a transaction_id.")}, status=400)
    demo.portal.handle_callback(transaction_id)
    return HttpResponse(status=204)


@csrf_exempt
@require_POST
def sms(request: HttpRequest) -> HttpResponse:
    """Receive an SMS of the `rest` gateway. Every valid number gets the response 204."""
    if not sms_inbox.is_authorized(request.headers.get("Authorization", "")):
        return HttpResponse(status=401, headers={"WWW-Authenticate": 'Basic realm="sms"'})
    try:
        is_delivered = controller.current().receive_sms(_json(request))
    except controller.NotSetUp as error:
        return JsonResponse({"error": str(error)}, status=503)
    return HttpResponse(status=204 if is_delivered else 404)


@csrf_exempt
@require_POST
def fcm_token(request: HttpRequest) -> JsonResponse:
    return _fcm_response(lambda demo: demo.fcm_token({name: request.POST[name] for name in request.POST}))


@csrf_exempt
@require_POST
def fcm_send(request: HttpRequest, project_id: str) -> JsonResponse:  # noqa: ARG001 - part of the address
    return _fcm_response(lambda demo: demo.fcm_send(request.headers.get("Authorization", ""), _json(request)))


def _fcm_response(call: Callable[[controller.Demo], fcm.Response]) -> JsonResponse:
    try:
        status, body, headers = call(controller.current())
    except controller.NotSetUp as error:
        return JsonResponse({"error": str(error)}, status=503)
    return JsonResponse(body, status=status, headers=headers)


def _json(request: HttpRequest) -> dict[str, Any]:
    try:
        content = untrusted_json.loads(request.body)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}
