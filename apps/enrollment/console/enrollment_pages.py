"""The console's “Enrol a device”: a one-time code for a user, as a picture for the phone's camera and as a text."""

from typing import Any

import segno
from django.contrib.admin import ModelAdmin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _

from apps.enrollment import links, services
from apps.enrollment.console.forms import EnrolDeviceForm
from apps.enrollment.models import Profile
from apps.system import services as system


def enrol(model_admin: "ModelAdmin[Profile]", request: HttpRequest, *, back: str) -> HttpResponse:
    """Ask for whom and for which application; the answer to the POST shows the code, and nothing else ever does."""
    form = EnrolDeviceForm(request.POST or None, initial={"user_id": request.GET.get("user", "")})
    is_possible = system.general().enrollment_enabled
    if request.method == "POST" and is_possible and form.is_valid():
        shown = _made(form.cleaned_data, request.user.get_username())
        return _page(model_admin, request, "enrolment_code", back=back, **shown)
    return _page(model_admin, request, "enrol_device", back=back, form=form, is_possible=is_possible)


def _made(wanted: dict[str, Any], who: str) -> dict[str, Any]:
    application = wanted["application"]
    code, row = services.create_code(user_id=wanted["user_id"], application_identifier=application.identifier, who=who)
    uri = links.enrollment_uri(code, application.identifier)
    return {
        "code": code,
        "uri": uri,
        "picture": picture(uri),
        "user_id": row.user_id,
        "application": application,
        "expires_at": row.expires_at,
    }


def picture(text: str) -> SafeString:
    """Return a QR code as SVG, dark on light whatever the page's colours: cameras want it so."""
    drawn = segno.make(text, error="m").svg_inline(scale=5, light="#fff", dark="#000")
    return mark_safe(drawn)  # noqa: S308 - squares of segno's


def _page(model_admin: "ModelAdmin[Profile]", request: HttpRequest, name: str, **shown: Any) -> HttpResponse:
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "title": _("Enrol a device"),
        **shown,
    }
    return TemplateResponse(request, f"admin/enrollment/profile/{name}.html", context)
