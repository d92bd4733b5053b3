"""Form of a mobile authentication type, with the fields of its method and one message field per language."""

from collections.abc import Collection
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from apps.common.console.documents import security
from apps.common.console.forms import warning
from apps.push.models import Platform
from apps.sms.messages import has_autofill_problem
from apps.transactions.console.message_fields import MESSAGE_PREFIX, message_fields, message_help
from apps.transactions.types import (
    LONG_LIFETIME_WARNING,
    PUSH_METHODS,
    RECOMMENDED_LIFETIME_SECONDS,
    Method,
    MobileAuthenticationType,
    all_platforms,
)

# The methods that have a field. Fields that are not listed belong to all methods.
FIELD_METHODS = {
    "code_to_phone": PUSH_METHODS,
    "max_attempts": {Method.SMS, *PUSH_METHODS},
    "max_resends": {Method.SMS, *PUSH_METHODS},
    "sms_sender_id": {Method.SMS},
    "fallback": PUSH_METHODS,
    "transaction_signing": {Method.OTP, *PUSH_METHODS},
    "signing_data_required": {Method.OTP, *PUSH_METHODS},
    "number_matching_digits": PUSH_METHODS,
    "allowed_platforms": {Method.OTP, *PUSH_METHODS},
}
# The switch on which a field depends.
FIELD_SWITCHES = {"signing_data_required": "transaction_signing"}
# The methods for which a field depends on the switch of code to phone. The others have it in any case.
CODE_TO_PHONE_FIELDS = {"max_attempts": PUSH_METHODS}
# Fields that the page hides while code to phone is on. The model rejects them together.
EXCLUDED_BY_CODE_TO_PHONE = {"transaction_signing", "signing_data_required", "number_matching_digits"}

METHOD_REQUIREMENTS = {
    Method.PUSH_WITH_PIN: _("Requires an application with PIN enabled and a user with a PIN."),
    Method.PUSH_WITH_FINGERPRINT: _(
        "Requires an application with fingerprint enabled and a user with a fingerprint or a PIN. The user can also "
        "approve with the PIN."
    ),
    Method.PUSH_WITH_CUSTOM_AUTHENTICATOR: _(
        "Requires an application with custom authenticators and a user with one of them or a PIN. The user can also "
        "approve with the PIN."
    ),
}


class BaseTypeForm(forms.ModelForm):  # type: ignore[type-arg]
    """Base of the form. A field that the chosen method does not have is ignored: its default is stored."""

    allowed_platforms = forms.MultipleChoiceField(
        label=_("Allowed platforms"),
        choices=Platform.choices,
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
        help_text=_(
            "Devices of other platforms cannot be used with this type, so the fallback is used for them. No selection: "
            "all platforms."
        ),
    )

    class Meta:
        model = MobileAuthenticationType
        fields = (
            "name",
            "method",
            "time_to_live",
            "code_to_phone",
            "transaction_signing",
            "signing_data_required",
            "number_matching_digits",
            "allowed_platforms",
            "max_attempts",
            "max_resends",
            "sms_sender_id",
            "fallback",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._set_help_texts()
        self._offer_fallbacks()
        for name, methods in FIELD_METHODS.items():
            self.fields[name].required = False
            # The wrapper of a model choice widget does not render its own attributes.
            widget: forms.Widget = getattr(self.fields[name].widget, "widget", None) or self.fields[name].widget
            widget.attrs["data-field-shown-when"] = condition(name, methods)
            if self.is_bound and not self._has_field(name):
                self.fields[name].disabled = True
                self.initial[name] = self.default(name)
        for code, text in self.instance.default_messages.items():
            self.initial.setdefault(MESSAGE_PREFIX + code, text)

    def _has_field(self, name: str) -> bool:
        """Return True if the submitted method and switches include the field."""
        method = self.data.get(self.add_prefix("method"))
        needs_code = method in CODE_TO_PHONE_FIELDS.get(name, ())
        switches = [*([FIELD_SWITCHES[name]] if name in FIELD_SWITCHES else []), *(["code_to_phone"] * needs_code)]
        return method in FIELD_METHODS[name] and all(self.data.get(self.add_prefix(switch)) for switch in switches)

    def _set_help_texts(self) -> None:
        self.fields["time_to_live"].help_text = time_to_live_help()
        self.fields["method"].help_text = method_help()
        self.fields["max_attempts"].help_text = attempts_help()
        self.fields["max_resends"].help_text = _("Maximum number of resends of a message. 0: no resends.")
        for code in settings.SUPPORTED_LOCALES:
            name = MESSAGE_PREFIX + code
            self.fields[name].help_text = message_help(name)

    def _offer_fallbacks(self) -> None:
        fallback = self.fields["fallback"]
        types = MobileAuthenticationType.objects.exclude(method=Method.OTP).exclude(pk=self.instance.pk)
        fallback.queryset = types  # type: ignore[attr-defined]
        fallback.empty_label = _("None")  # type: ignore[attr-defined]
        for button in ("add", "change", "delete", "view"):
            setattr(fallback.widget, f"can_{button}_related", False)

    @staticmethod
    def default(name: str) -> Any:
        field = MobileAuthenticationType._meta.get_field(name)
        return field.get_default()  # type: ignore[union-attr]

    def _value_or_default(self, name: str) -> Any:
        value = self.cleaned_data[name]
        return self.default(name) if value is None else value

    def clean_max_attempts(self) -> int:
        return int(self._value_or_default("max_attempts"))

    def clean_number_matching_digits(self) -> int:
        return int(self._value_or_default("number_matching_digits"))

    def clean_allowed_platforms(self) -> list[str]:
        """Return the selection, or all platforms if there is none."""
        return self.cleaned_data["allowed_platforms"] or all_platforms()

    def clean_max_resends(self) -> int:
        return int(self._value_or_default("max_resends"))

    def clean_method(self) -> str:
        method: str = self.cleaned_data["method"]
        if method == Method.OTP and self.instance.pk:
            names = self.instance.falls_back_from.values_list("name", flat=True)[:3]
            if names:
                text = _("An OTP type cannot be a fallback. This type is the fallback of: %(names)s.")
                raise ValidationError(text % {"names": ", ".join(names)})
        return method

    @property
    def has_autofill_problem(self) -> bool:
        """Return True if a message of the saved type almost matches the autofill format of browsers."""
        texts = self.instance.default_messages.values()
        return self.instance.method == Method.SMS and any(map(has_autofill_problem, texts))

    def save(self, commit: bool = True) -> MobileAuthenticationType:
        # Messages in languages that are not configured stay unchanged.
        messages = dict(self.instance.default_messages)
        for code in settings.SUPPORTED_LOCALES:
            messages[code] = self.cleaned_data[MESSAGE_PREFIX + code]
        self.instance.default_messages = {code: text for code, text in messages.items() if text}
        mobile_type: MobileAuthenticationType = super().save(commit)
        return mobile_type


# Built with `type`, because the fields depend on the languages of the settings.
TypeForm: type[BaseTypeForm] = type("TypeForm", (BaseTypeForm,), message_fields())


def condition(name: str, methods: Collection[str]) -> str:
    """Return the condition under which the page shows a field."""
    switch = f"&{FIELD_SWITCHES[name]}=on" if name in FIELD_SWITCHES else ""
    if name in EXCLUDED_BY_CODE_TO_PHONE:
        switch += "&code_to_phone="
    with_code = CODE_TO_PHONE_FIELDS.get(name, set())
    alternatives = ["method=" + "|".join(sorted(set(methods) - set(with_code))) + switch]
    if with_code:
        alternatives.append("method=" + "|".join(sorted(with_code)) + "&code_to_phone=on")
    return ";".join(alternatives)


def time_to_live_help() -> Any:
    return format_html(
        "{}{}",
        _("Time in which the user can answer: 1 to 86,400 seconds."),
        warning(LONG_LIFETIME_WARNING, f"time_to_live>{RECOMMENDED_LIFETIME_SECONDS}", security("nist-sp-800-63b-4")),
    )


def attempts_help() -> Any:
    return format_html(
        "{}{}",
        _("Number of wrong codes that end the transaction. 0: no limit until it expires."),
        warning(
            _("A code of six digits can be guessed. Without this limit, only the limit per user (General) applies."),
            "max_attempts=0",
            security("threats"),
        ),
    )


def method_help() -> Any:
    """Return the requirements of the methods. The page shows those of the chosen method."""
    return format_html_join(
        "",
        '<span data-shown-when="method={}">{}</span>',
        [(method.value, text) for method, text in METHOD_REQUIREMENTS.items()],
    )
