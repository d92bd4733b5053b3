"""Console pages of the second factor: verification at the sign-in, and management for the own account."""

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

import django_otp
import segno
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.common import untrusted_json
from apps.staff import lockout, passkeys, second_factor

View = Callable[..., HttpResponse]
PASSWORD_CONFIRMED_AT = "password_confirmed_at"
# A confirmed password permits changes of the second factor for this long.
PASSWORD_MAX_AGE_SECONDS = 5 * 60


def current_user(request: HttpRequest) -> User:
    return cast(User, request.user)


def render_page(request: HttpRequest, name: str, title: str, **context: Any) -> HttpResponse:
    page_context = {**admin.site.each_context(request), "title": title, **context}
    return TemplateResponse(request, f"admin/second_factor/{name}.html", page_context)


def next_url(request: HttpRequest) -> str:
    """Return the requested URL if it is on this host, or else the start page."""
    requested = request.GET.get("next", "")
    is_safe = url_has_allowed_host_and_scheme(requested, {request.get_host()}, require_https=request.is_secure())
    return requested if is_safe else reverse("admin:index")


def require_recent_password(view: View) -> View:
    """Require the current password before a page that changes the second factor or shows its secret."""

    @wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        age = timezone.now().timestamp() - request.session.get(PASSWORD_CONFIRMED_AT, 0)
        if age < PASSWORD_MAX_AGE_SECONDS:
            return view(request, *args, **kwargs)
        if request.content_type == "application/json":
            message = _("The password confirmation has expired. Reload the page.")
            return JsonResponse({"message": message}, status=403)
        next_path = request.path if request.method == "GET" else reverse("admin:second_factor")
        return HttpResponseRedirect(reverse("admin:second_factor_password", query={"next": next_path}))

    return wrapper


@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def password(request: HttpRequest) -> HttpResponse:
    is_invalid = request.method == "POST" and not lockout.check_password(request, request.POST.get("password", ""))
    if request.method == "POST" and not is_invalid:
        request.session[PASSWORD_CONFIRMED_AT] = timezone.now().timestamp()
        return HttpResponseRedirect(next_url(request))
    return render_page(request, "password", _("Confirm your password"), is_invalid=is_invalid)


@require_GET
@require_recent_password
def overview(request: HttpRequest) -> HttpResponse:
    user = current_user(request)
    return render_page(
        request,
        "overview",
        _("Second factor"),
        app=second_factor.get_app(user),
        passkeys=second_factor.get_passkeys(user),
        has_second_factor=second_factor.is_enrolled(user),
        remaining_codes=second_factor.remaining_codes(user),
    )


@require_http_methods(["GET", "POST"])
@require_recent_password
def app(request: HttpRequest) -> HttpResponse:
    """Show the secret of a new app, and activate the app when it is confirmed by a code."""
    user = current_user(request)
    if request.method == "POST":
        confirmed = second_factor.confirm_app(user, request.POST.get("code", "").replace(" ", ""))
        if confirmed:
            mark_session_verified(request, confirmed)
            messages.success(request, _("The authenticator app is set up."))
            return HttpResponseRedirect(reverse("admin:second_factor"))
    pending_app = second_factor.pending_app(user)
    code = segno.make(second_factor.provisioning_uri(pending_app), error="m")
    qr_code = mark_safe(code.svg_inline(scale=5, light="#fff", dark="#000"))  # noqa: S308 - squares of segno's
    groups = [pending_app.secret[start : start + 4] for start in range(0, len(pending_app.secret), 4)]
    page_context = {"qr_code": qr_code, "secret": " ".join(groups), "is_invalid": request.method == "POST"}
    return render_page(request, "app", _("Set up an authenticator app"), **page_context)


def mark_session_verified(request: HttpRequest, device: Any) -> None:
    """Mark the session as verified, under a new session key."""
    django_otp.login(request, device)
    request.session.cycle_key()


@require_POST
@require_recent_password
def recovery_codes(request: HttpRequest) -> HttpResponse:
    """Show new recovery codes. They are not shown again."""
    if not second_factor.is_enrolled(current_user(request)):
        messages.error(request, _("Set up an authenticator app or a passkey first."))
        return HttpResponseRedirect(reverse("admin:second_factor"))
    return render_page(
        request, "codes", _("Recovery codes"), codes=second_factor.generate_recovery_codes(current_user(request))
    )


@require_POST
@require_recent_password
def remove_app(request: HttpRequest) -> HttpResponse:
    second_factor.remove_app(current_user(request))
    messages.success(request, _("The authenticator app was removed."))
    return HttpResponseRedirect(reverse("admin:second_factor"))


@require_POST
@require_recent_password
def change_passkey(request: HttpRequest, key: int) -> HttpResponse:
    if "remove" in request.POST:
        second_factor.remove_passkey(current_user(request), key)
        messages.success(request, _("The passkey was removed."))
    else:
        passkeys.rename(current_user(request), key, request.POST.get("name", ""))
        messages.success(request, _("The passkey was renamed."))
    return HttpResponseRedirect(reverse("admin:second_factor"))


@require_POST
@require_recent_password
def begin_passkey(request: HttpRequest) -> HttpResponse:
    return JsonResponse(passkeys.begin_registration(request))


@require_POST
@require_recent_password
def add_passkey(request: HttpRequest) -> HttpResponse:
    """Store the passkey that the browser created, and return the URL of the next page."""
    data = json_object(request)
    try:
        passkey = passkeys.complete_registration(request, current_user(request), str(data.get("name", "")), data)
    except passkeys.PasskeyError:
        return JsonResponse({"message": _("This passkey cannot be used. Try again.")}, status=400)
    if second_factor.is_required(current_user(request)):
        mark_session_verified(request, passkey)
    messages.success(request, _("The passkey was added."))
    return JsonResponse({"url": reverse("admin:second_factor")})


def json_object(request: HttpRequest) -> dict[str, Any]:
    try:
        data = untrusted_json.loads(request.body)
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}


@sensitive_post_parameters("code")
@require_http_methods(["GET", "POST"])
def check(request: HttpRequest) -> HttpResponse:
    """Verify the second factor after the password: a code of the app, a recovery code or a passkey."""
    user, code = current_user(request), request.POST.get("code", "")
    if not second_factor.is_required(user):
        return HttpResponseRedirect(next_url(request))
    retry_at = second_factor.throttled_until(user, code) if request.method == "POST" else None
    if request.method == "POST" and retry_at is None:
        device = second_factor.verify_code(user, code)
        if device:
            mark_session_verified(request, device)
            return HttpResponseRedirect(next_url(request))
    page_context = {
        "is_invalid": request.method == "POST" and retry_at is None,
        "seconds": max(1, round((retry_at - timezone.now()).total_seconds())) if retry_at else 0,
        "has_app": second_factor.get_app(user) is not None,
        "has_passkey": bool(second_factor.get_passkeys(user)),
        "next": next_url(request),
    }
    return render_page(request, "check", _("Second factor"), **page_context)


@require_POST
def begin_check(request: HttpRequest) -> HttpResponse:
    return JsonResponse(passkeys.begin_authentication(request))


@require_POST
def check_passkey(request: HttpRequest) -> HttpResponse:
    try:
        passkey = passkeys.complete_authentication(request, current_user(request), json_object(request))
    except passkeys.PasskeyError:
        return JsonResponse({"message": _("This passkey was not accepted. Try again.")}, status=400)
    mark_session_verified(request, passkey)
    return JsonResponse({"url": next_url(request)})


PAGES: dict[str, tuple[str, View]] = {
    "second_factor": ("second-factor/", overview),
    "second_factor_password": ("second-factor/password/", password),
    "second_factor_app": ("second-factor/app/", app),
    "second_factor_app_remove": ("second-factor/app/remove/", remove_app),
    "second_factor_codes": ("second-factor/recovery-codes/", recovery_codes),
    "second_factor_passkey_begin": ("second-factor/passkeys/begin/", begin_passkey),
    "second_factor_passkey_add": ("second-factor/passkeys/add/", add_passkey),
    "second_factor_passkey": ("second-factor/passkeys/<int:key>/", change_passkey),
}
CHECKS: dict[str, tuple[str, View]] = {
    "second_factor_check": ("second-factor/check/", check),
    "second_factor_check_begin": ("second-factor/check/begin/", begin_check),
    "second_factor_check_passkey": ("second-factor/check/passkey/", check_passkey),
}


def urls(wrap: Callable[[View], View]) -> list[Any]:
    pages = {**PAGES, **CHECKS}
    return [path(route, wrap(never_cache(view)), name=name) for name, (route, view) in pages.items()]
