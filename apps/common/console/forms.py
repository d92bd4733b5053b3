"""Form fields of several console pages."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import models
from django.template.loader import render_to_string
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextareaWidget, UnfoldBooleanSwitchWidget

from apps.common.console.documents import Document


class LinesField(forms.CharField):
    """List of strings, one per line."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(widget=UnfoldAdminTextareaWidget(attrs={"rows": 4}), **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(map(str, value)) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value) or ""
        return [line.strip() for line in text.splitlines() if line.strip()]

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool((initial or []) != self.to_python(data))


def warning(text: str | Promise, shown_when: str, *documents: Document) -> SafeString:
    """Build a warning that is shown next to a field while a condition of the form is met.

    console.js evaluates `shown_when`: `name=value|value` or `name>number`, joined with `&`; alternatives with `;`.
    """
    return format_html(
        '<span class="console-warning" role="note" data-shown-when="{}">{}{}</span>',
        shown_when, text, document_links(*documents),
    )  # fmt: skip


def document_links(*documents: Document) -> SafeString:
    """Build links that open in a new tab, so that the entries in the form stay."""
    return render_to_string("admin/documents.html", {"documents": documents, "new_tab": True})


class StoredPasswordForm(forms.ModelForm):  # type: ignore[type-arg]
    """Form of a row with an encrypted `password`. The password is write-only: an empty field keeps the stored one."""

    new_password = forms.CharField(
        label=_("Password"),
        required=False,
        strip=False,
        max_length=255,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
    )
    remove_password = forms.BooleanField(
        label=_("Remove the password"), required=False, widget=UnfoldBooleanSwitchWidget()
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["new_password"].help_text = (
            _("A password is stored. Leave this field empty to keep it.")
            if has_password(self.instance)
            else _("No password is stored.")
        )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("remove_password") and cleaned.get("new_password"):
            raise ValidationError(
                {"remove_password": _("Enter a new password or remove the stored password, not both.")}
            )
        if cleaned.get("new_password") or cleaned.get("remove_password"):
            # Set here, so that the model's validation covers the new password.
            self.instance.password = cleaned.get("new_password", "")
        return cleaned


def has_password(row: models.Model) -> bool:
    """Return True if the row has a password. The stored value is not decrypted."""
    return bool(row.__dict__.get("password"))
