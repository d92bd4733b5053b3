"""Forms of the geolocation service and of the confirmation template."""

import json
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextareaWidget, UnfoldBooleanSwitchWidget

from apps.common import languages
from apps.geocontext import templates
from apps.geocontext.models import ConfirmationTemplate, Geolocation

TEXT_PREFIX = "text_"


class GeolocationForm(forms.ModelForm):  # type: ignore[type-arg]
    """Form of the geolocation service. The key is never shown; an empty field keeps the stored key."""

    new_key = forms.CharField(
        label=_("Key"),
        required=False,
        max_length=1000,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
    )
    remove_key = forms.BooleanField(label=_("Remove the key"), required=False, widget=UnfoldBooleanSwitchWidget())

    class Meta:
        model = Geolocation
        fields = ("url",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        stored, none = _("A key is stored. Leave empty to keep it."), _("No key is stored.")
        self.fields["new_key"].help_text = stored if self.instance.has_key else none

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("remove_key") and cleaned.get("new_key"):
            raise ValidationError({"remove_key": _("Enter a new key or remove the stored one, not both.")})
        if cleaned.get("new_key") or cleaned.get("remove_key"):
            # Set here so that the model validates the key together with the URL.
            self.instance.key = cleaned.get("new_key", "")
        return cleaned

    def add_error(self, field: str | None, error: Any) -> None:
        """Show the model's errors for the key at the field in which the key is entered."""
        if isinstance(error, ValidationError) and "key" in getattr(error, "error_dict", {}):
            error = ValidationError({"new_key": error.error_dict["key"]})
        super().add_error(field, error)


def editable_languages() -> list[str]:
    """Return the languages with a field in the console. English is the fallback of all others."""
    return list(dict.fromkeys([*settings.SUPPORTED_LOCALES, "en"]))


def text_fields() -> dict[str, forms.CharField]:
    return {
        TEXT_PREFIX + code: forms.CharField(
            label=languages.display_name(code),
            required=False,
            widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
            validators=[templates.validate],
        )
        for code in editable_languages()
    }


class BaseConfirmationTemplateForm(forms.ModelForm):  # type: ignore[type-arg]
    """Form with one template per language, each with a live preview."""

    class Meta:
        model = ConfirmationTemplate
        fields = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _language, english = templates.choose(self.instance.texts, "en")
        for code in editable_languages():
            self.initial[TEXT_PREFIX + code] = self.instance.texts.get(code, "")
            self.fields[TEXT_PREFIX + code].help_text = preview(code, english)

    def save(self, commit: bool = True) -> ConfirmationTemplate:
        # Texts in languages without a field do not change.
        texts = {code: self.cleaned_data[TEXT_PREFIX + code].replace("\r\n", "\n") for code in editable_languages()}
        self.instance.texts = self.instance.with_texts(texts)
        row: ConfirmationTemplate = super().save(commit)
        return row


# Created with `type` because the languages depend on the settings.
ConfirmationTemplateForm: type[BaseConfirmationTemplateForm] = type(
    "ConfirmationTemplateForm", (BaseConfirmationTemplateForm,), text_fields()
)


def preview(code: str, english: str) -> Any:
    """Return the element that template-preview.js fills with an example of the template or of its fallback."""
    is_english = code == "en"
    return format_html(
        '{} <output class="console-preview" for="id_{}" data-values="{}" data-empty="{}" aria-label="{}"></output>',
        _("Empty: the built-in template.")
        if is_english
        else _("Empty: the template of the base language, or else the English template."),
        TEXT_PREFIX + code,
        json.dumps(templates.EXAMPLE),
        templates.DEFAULT if is_english else english,
        _("Preview"),
    )


def placeholders_help() -> Any:
    """Return the help text with the Token Server's key of the template and the placeholders with examples."""
    rows = format_html_join("", "<div><dt>[{}]</dt><dd>{}</dd></div>", templates.EXAMPLE.items())
    text = _(
        "Message on the device if the request has a context. In the Onegini Token Server, this is the template "
        "%(key)s. Placeholders of unknown values are replaced with nothing."
    ) % {"key": templates.KEY}
    return format_html('<p class="console-paragraph">{}</p><dl class="console-facts">{}</dl>', text, rows)
