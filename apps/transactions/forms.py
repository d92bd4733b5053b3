"""The form of a type: one text field a language for the messages that are one JSON field."""

from typing import Any

from django import forms
from django.conf import settings
from django.core.validators import MaxLengthValidator
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextInputWidget

from apps.common.forms import warning
from apps.transactions.models import MobileAuthenticationType

MESSAGE_PREFIX = "default_message_"
LONG_LIFE_SECONDS = 600


def message_fields() -> dict[str, forms.CharField]:
    """Make a field for every configured language; its limit counts characters as the API does."""
    return {
        MESSAGE_PREFIX + code: forms.CharField(
            label=language,
            required=False,
            widget=UnfoldAdminTextInputWidget(),
            validators=[MaxLengthValidator(lambda: settings.MESSAGE_MAX_LENGTH)],
            help_text=_("At most %(limit)d characters. Used when a request has no message.")
            % {"limit": settings.MESSAGE_MAX_LENGTH},
        )
        for code, language in settings.LANGUAGES
    }


class BaseTypeForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = MobileAuthenticationType
        fields = ("name", "method", "time_to_live")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["time_to_live"].help_text = life_help()
        for code, text in self.instance.default_messages.items():
            self.initial.setdefault(MESSAGE_PREFIX + code, text)

    def save(self, commit: bool = True) -> MobileAuthenticationType:
        # Texts in languages that are not configured here stay as they are.
        messages = dict(self.instance.default_messages)
        for code, _language in settings.LANGUAGES:
            messages[code] = self.cleaned_data[MESSAGE_PREFIX + code]
        self.instance.default_messages = {code: text for code, text in messages.items() if text}
        mobile_type: MobileAuthenticationType = super().save(commit)
        return mobile_type


# Made with `type`, because the languages are known only from the settings.
TypeForm: type[BaseTypeForm] = type("TypeForm", (BaseTypeForm,), message_fields())


def life_help() -> Any:
    long_life = _(
        "A life above 600 seconds is longer than NIST SP 800-63B-4 allows for out-of-band authentication: the longer a "
        "question waits, the longer it can be answered by mistake."
    )
    return format_html(
        "{}{}",
        _("How long a user has to answer: 1 to 86,400 seconds."),
        warning(long_life, f"time_to_live>{LONG_LIFE_SECONDS}"),
    )
