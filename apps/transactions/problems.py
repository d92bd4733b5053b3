"""Problems of mobile authentication types for the console and check_configuration: their default messages."""

from collections.abc import Iterable, Iterator

from django.urls import reverse
from django.utils.translation import gettext as _

from apps.common.console.documents import error, troubleshooting
from apps.common.console.problems import Problem
from apps.sms.messages import PLACEHOLDER
from apps.transactions.types import Method, MobileAuthenticationType


def problems(types: Iterable[MobileAuthenticationType]) -> Iterator[Problem]:
    """Yield the problems of the default messages of types that send messages."""
    for mobile_type in types:
        if mobile_type.method != Method.OTP:
            yield from _check_messages(mobile_type)


def _check_messages(mobile_type: MobileAuthenticationType) -> Iterator[Problem]:
    url = reverse("admin:transactions_mobileauthenticationtype_change", args=[mobile_type.pk])
    documents = troubleshooting("a-type-has-no-usable-message"), error("1003")
    if not any(mobile_type.default_messages.values()):
        title = _("“%(name)s” has no default message") % {"name": mobile_type}
        text = _(
            "Requests without a message are rejected (error 1003). Enter a default message, or send a message with "
            "each request."
        )
        yield Problem(_("No default message"), title, text, is_failure=False, url=url, documents=documents)
    without_code = [code for code, text in mobile_type.default_messages.items() if text and PLACEHOLDER not in text]
    if mobile_type.method == Method.SMS and without_code:
        title = _("“%(name)s” sends the code alone") % {"name": mobile_type}
        text = _(
            "The default message has no {code}, so that it is replaced by the code (%(languages)s). Write {code} where "
            "the code belongs."
        ) % {"languages": ", ".join(sorted(without_code))}
        yield Problem(_("Code alone"), title, text, is_failure=False, url=url, documents=documents[:1])
