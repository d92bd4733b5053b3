"""Console page “Send test SMS”."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods
from unfold.widgets import UnfoldAdminTextInputWidget

from apps.sms import remedies
from apps.sms import services as sms
from apps.sms.gateways.base import SmsOutcome, SmsResult
from apps.system import services as system

PAGE = "send_test_sms"
# The permission to change the SMS settings includes sending test messages.
PERMISSION = "system.change_generalconfiguration"


class TestMessageForm(forms.Form):
    phone_number = forms.CharField(
        label=_("Phone number"),
        max_length=40,
        widget=UnfoldAdminTextInputWidget(
            attrs={"type": "tel", "inputmode": "tel", "autocomplete": "tel", "aria-describedby": "number-help"}
        ),
        help_text=_(
            "In international format, for example +31 6 12345678. The message is charged like any other message."
        ),
    )

    def clean_phone_number(self) -> str:
        number = sms.normalize_number(self.cleaned_data["phone_number"])
        if not number:
            raise ValidationError(
                _("The phone number is invalid. Enter a number that begins with + and the country code.")
            )
        return number


@sensitive_post_parameters("phone_number")
@require_http_methods(["GET", "POST"])
def send_test_sms(request: HttpRequest) -> HttpResponse:
    """Show a form for the phone number; send a test message on POST and show the result."""
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    form = TestMessageForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        _send(request, form.cleaned_data["phone_number"])
        return HttpResponseRedirect(reverse(f"admin:{PAGE}"))
    context = {
        **admin.site.each_context(request),
        "title": _("Send test SMS"),
        "form": form,
        "gateway": settings.SMS_GATEWAY,
        "sender": system.general().sms_sender_id,
        "back_url": reverse("admin:system_generalconfiguration_change"),
    }
    return TemplateResponse(request, "admin/sms/send_test.html", context)


def _send(request: HttpRequest, number: str) -> None:
    try:
        _show_result(request, number, sms.send_test(number, who=request.user.get_username()))
    except ImportError as error:
        messages.error(request, remedies.loading_error(error))


def _show_result(request: HttpRequest, number: str, result: SmsResult) -> None:
    values = {
        "gateway": settings.SMS_GATEWAY,
        "number": sms.masked_number(number),
        "sender": result.sender or _("default of the gateway"),
        "reason": result.reason or result.outcome.value,
        "remedy": remedies.remedy(result),
    }
    if result.outcome == SmsOutcome.ACCEPTED:
        text = _("The gateway “%(gateway)s” accepted the message to %(number)s. Sender: %(sender)s.")
        messages.success(request, text % values)
    elif result.outcome == SmsOutcome.UNKNOWN:
        text = _("The gateway “%(gateway)s” may have accepted the message. Reason: %(reason)s. %(remedy)s")
        messages.warning(request, text % values)
    else:
        text = _("The gateway “%(gateway)s” did not accept the message. Reason: %(reason)s. %(remedy)s")
        messages.error(request, text % values)


def urls(guard: Any) -> list[Any]:
    return [path("sms/send-test/", guard(send_test_sms), name=PAGE)]
