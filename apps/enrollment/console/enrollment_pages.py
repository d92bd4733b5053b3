"""The console's “Enrol a device”: a one-time code for a user, as a picture for the phone's camera and as a text."""

from typing import Any

import segno
from django.contrib.admin import ModelAdmin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _

from apps.enrollment import links, services
from apps.enrollment.console.forms import EnrollDeviceForm
from apps.enrollment.models import Profile
from apps.system import services as system


def enroll(model_admin: "ModelAdmin[Profile]", request: HttpRequest, *, back: str) -> HttpResponse:
    """Ask for whom and for which application; the answer to the POST shows the code, and nothing else ever does."""
    form = EnrollDeviceForm(request.POST or None, initial={"user_id": request.GET.get("user", "")})
    is_possible = system.general().enrollment_enabled
    if request.method == "POST" and is_possible and form.is_valid():
        context = _create_code(form.cleaned_data, request.user.get_username())
        return _page(model_admin, request, "enrollment_code", back=back, **context)
    return _page(model_admin, request, "enroll_device", back=back, form=form, is_possible=is_possible)


def _create_code(values: dict[str, Any], who: str) -> dict[str, Any]:
    application = values["application"]
    code, row = services.create_code(user_id=values["user_id"], application_identifier=application.identifier, who=who)
    uri = links.enrollment_uri(code, application.identifier)
    return {
        "code": code,
        "uri": uri,
        "qr_code_svg": qr_code_svg(uri),
        "user_id": row.user_id,
        "application": application,
        "expires_at": row.expires_at,
    }


def qr_code_svg(text: str) -> SafeString:
    """Return a QR code as SVG, dark on light whatever the page's colours: cameras want it so."""
    svg = segno.make(text, error="m").svg_inline(scale=5, light="#fff", dark="#000")
    return mark_safe(svg)  # noqa: S308 - squares of segno's


def _page(model_admin: "ModelAdmin[Profile]", request: HttpRequest, name: str, **extra: Any) -> HttpResponse:
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "title": _("Enrol a device"),
        **extra,
    }
    return TemplateResponse(request, f"admin/enrollment/profile/{name}.html", context)
