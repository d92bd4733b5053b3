"""The console's pages about the second factor: asking for it at the sign-in, and an account's own."""

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
CONFIRMED_AT = "password_confirmed_at"
# So long a current password that was typed in counts for changes of the second factor.
CONFIRMED_SECONDS = 5 * 60


def owner(request: HttpRequest) -> User:
    return cast(User, request.user)


def page(request: HttpRequest, name: str, title: str, **context: Any) -> HttpResponse:
    shown = {**admin.site.each_context(request), "title": title, **context}
    return TemplateResponse(request, f"admin/second_factor/{name}.html", shown)


def back(request: HttpRequest) -> str:
    """Return where the caller wanted to go: a page of this console, or its start."""
    wanted = request.GET.get("next", "")
    known = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if known else reverse("admin:index")


def after_password(view: View) -> View:
    """Ask for the current password before a page that changes the second factor, or shows a secret of it."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        age = timezone.now().timestamp() - request.session.get(CONFIRMED_AT, 0)
        if age < CONFIRMED_SECONDS:
            return view(request, *args, **kwargs)
        if request.content_type == "application/json":
            text = _("Your password was asked for too long ago. Load the page again.")
            return JsonResponse({"text": text}, status=403)
        wanted = request.path if request.method == "GET" else reverse("admin:second_factor")
        return HttpResponseRedirect(reverse("admin:second_factor_password", query={"next": wanted}))

    return guarded


@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def password(request: HttpRequest) -> HttpResponse:
    is_wrong = request.method == "POST" and not lockout.confirms(request, request.POST.get("password", ""))
    if request.method == "POST" and not is_wrong:
        request.session[CONFIRMED_AT] = timezone.now().timestamp()
        return HttpResponseRedirect(back(request))
    return page(request, "password", _("Confirm your password"), is_wrong=is_wrong)


@require_GET
@after_password
def overview(request: HttpRequest) -> HttpResponse:
    user = owner(request)
    return page(
        request,
        "overview",
        _("Second factor"),
        app=second_factor.app_of(user),
        passkeys=second_factor.passkeys_of(user),
        has_second_factor=second_factor.exists(user),
        codes_left=second_factor.codes_left(user),
    )


@require_http_methods(["GET", "POST"])
@after_password
def app(request: HttpRequest) -> HttpResponse:
    """Show the secret of a new app, and take it into use when a code proves that the app has it."""
    user = owner(request)
    if request.method == "POST":
        confirmed = second_factor.confirm_app(user, request.POST.get("code", "").replace(" ", ""))
        if confirmed:
            verified_by(request, confirmed)
            messages.success(request, _("The authenticator app is set up."))
            return HttpResponseRedirect(reverse("admin:second_factor"))
    draft = second_factor.draft_app(user)
    code = segno.make(second_factor.app_address(draft), error="m")
    picture = mark_safe(code.svg_inline(scale=5, light="#fff", dark="#000"))  # noqa: S308 - squares of segno's
    groups = [draft.secret[start : start + 4] for start in range(0, len(draft.secret), 4)]
    shown = {"picture": picture, "secret": " ".join(groups), "is_wrong": request.method == "POST"}
    return page(request, "app", _("Set up an authenticator app"), **shown)


def verified_by(request: HttpRequest, device: Any) -> None:
    """Note that this session has shown the second factor; under a new key, as at every step up."""
    django_otp.login(request, device)
    request.session.cycle_key()


@require_POST
@after_password
def recovery_codes(request: HttpRequest) -> HttpResponse:
    """Show new recovery codes in this answer and nowhere else."""
    if not second_factor.exists(owner(request)):
        messages.error(request, _("Set up an authenticator app or a passkey first."))
        return HttpResponseRedirect(reverse("admin:second_factor"))
    return page(request, "codes", _("Recovery codes"), codes=second_factor.make_codes(owner(request)))


@require_POST
@after_password
def remove_app(request: HttpRequest) -> HttpResponse:
    second_factor.remove_app(owner(request))
    messages.success(request, _("The authenticator app was removed."))
    return HttpResponseRedirect(reverse("admin:second_factor"))


@require_POST
@after_password
def change_passkey(request: HttpRequest, key: int) -> HttpResponse:
    if "remove" in request.POST:
        second_factor.remove_passkey(owner(request), key)
        messages.success(request, _("The passkey was removed."))
    else:
        passkeys.rename(owner(request), key, request.POST.get("name", ""))
        messages.success(request, _("The passkey was renamed."))
    return HttpResponseRedirect(reverse("admin:second_factor"))


@require_POST
@after_password
def begin_passkey(request: HttpRequest) -> HttpResponse:
    return JsonResponse(passkeys.begin_registration(request))


@require_POST
@after_password
def add_passkey(request: HttpRequest) -> HttpResponse:
    """Keep the passkey that the browser made, and say where to go on."""
    sent = answer_of(request)
    try:
        passkey = passkeys.complete_registration(request, owner(request), str(sent.get("name", "")), sent)
    except passkeys.PasskeyRefused:
        return JsonResponse({"text": _("This passkey cannot be used here. Try again.")}, status=400)
    if second_factor.is_asked_for(owner(request)):
        verified_by(request, passkey)
    messages.success(request, _("The passkey was added."))
    return JsonResponse({"url": reverse("admin:second_factor")})


def answer_of(request: HttpRequest) -> dict[str, Any]:
    try:
        sent = untrusted_json.loads(request.body)
    except ValueError:
        return {}
    return sent if isinstance(sent, dict) else {}


@sensitive_post_parameters("code")
@require_http_methods(["GET", "POST"])
def check(request: HttpRequest) -> HttpResponse:
    """Ask for the second factor after the password: a code of the app, a recovery code or a passkey."""
    user, code = owner(request), request.POST.get("code", "")
    if not second_factor.is_asked_for(user):
        return HttpResponseRedirect(back(request))
    wait = second_factor.refused_until(user, code) if request.method == "POST" else None
    if request.method == "POST" and wait is None:
        device = second_factor.verify_code(user, code)
        if device:
            verified_by(request, device)
            return HttpResponseRedirect(back(request))
    shown = {
        "is_wrong": request.method == "POST" and wait is None,
        "seconds": max(1, round((wait - timezone.now()).total_seconds())) if wait else 0,
        "has_app": second_factor.app_of(user) is not None,
        "has_passkey": bool(second_factor.passkeys_of(user)),
        "next": back(request),
    }
    return page(request, "check", _("Second factor"), **shown)


@require_POST
def begin_check(request: HttpRequest) -> HttpResponse:
    return JsonResponse(passkeys.begin_authentication(request))


@require_POST
def check_passkey(request: HttpRequest) -> HttpResponse:
    try:
        passkey = passkeys.complete_authentication(request, owner(request), answer_of(request))
    except passkeys.PasskeyRefused:
        return JsonResponse({"text": _("This passkey was not accepted. Try again.")}, status=400)
    verified_by(request, passkey)
    return JsonResponse({"url": back(request)})


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
