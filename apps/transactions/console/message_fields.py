"""Form fields for the default messages of a type: one per language, each with a character count and a preview."""

from typing import Any

from django import forms
from django.conf import settings
from django.core.validators import MaxLengthValidator
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextareaWidget

from apps.common import languages
from apps.transactions.types import Method

MESSAGE_PREFIX = "default_message_"
EXAMPLE_CODE = "123456"


class MessageField(forms.CharField):
    """Text field that stores a line break as one character. Browsers submit two."""

    def __init__(self, label: str, described_by: str) -> None:
        super().__init__(
            label=label,
            required=False,
            widget=UnfoldAdminTextareaWidget(attrs={"rows": 2, "aria-describedby": described_by}),
            # Counts code points, as the API does.
            validators=[MaxLengthValidator(lambda: settings.MESSAGE_MAX_LENGTH)],
        )

    def to_python(self, value: Any) -> Any:
        return str(super().to_python(value)).replace("\r\n", "\n")


def message_fields() -> dict[str, forms.CharField]:
    """Return a field for every supported language."""
    return {
        MESSAGE_PREFIX + code: MessageField(languages.display_name(code), f"count_{MESSAGE_PREFIX}{code}")
        for code in settings.SUPPORTED_LOCALES
    }


def message_help(name: str) -> Any:
    """Return the help text of the field `name`, with its rules, character count and preview button."""
    return format_html(
        '{} <span data-shown-when="method={}">{}</span>{}{}',
        _("At most %(limit)d characters. Used when a request has no message.") % {"limit": settings.MESSAGE_MAX_LENGTH},
        Method.SMS,
        _(
            "{code} is replaced by the code. A message without it is not used: the code is sent alone. To let browsers "
            "offer the code, end with a line “@www.example.com #{code}”."
        ),
        _character_count(name),
        _preview(name),
    )


def _character_count(name: str) -> Any:
    return format_html(
        '<span class="console-count" id="count_{}" data-counts="id_{}" data-limit="{}" data-code="{}" data-used="{}" '
        'data-one="{}" data-more="{}" data-unicode="{}" data-too-long="{}"></span>',
        name,
        name,
        settings.MESSAGE_MAX_LENGTH,
        EXAMPLE_CODE,
        _("%(used)s of %(limit)s characters."),
        _("With the code, it is sent as one text message."),
        _("With the code, it is sent and charged as %(segments)s text messages."),
        _("%(characters)s is not in the SMS alphabet (GSM 03.38): a text message then holds 70 characters, not 160."),
        _("The message is too long."),
    )


def _preview(name: str) -> Any:
    return format_html(
        '<button type="button" class="console-button console-preview-button" aria-expanded="false" '
        'aria-controls="preview_{}"><span class="material-symbols-outlined" aria-hidden="true">preview</span>{}'
        '<span class="console-visually-hidden">: {}</span></button>'
        '<span class="console-preview-box" id="preview_{}" hidden><span class="console-preview-title">{}</span>'
        '<output class="console-message-preview" for="id_{}" data-code="{}" data-empty="{}" aria-live="polite">'
        "</output></span>",
        name,
        _("Preview message"),
        languages.display_name(name.removeprefix(MESSAGE_PREFIX)),
        name,
        _("Message as the user sees it"),
        name,
        EXAMPLE_CODE,
        _("Empty: the message of the request is used, or the English default message of this type."),
    )
