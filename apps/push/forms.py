import json
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminFileFieldWidget

from apps.push import service_accounts
from apps.push.models import PushMessagingConfiguration

MAX_FILE_BYTES = 64 * 1024


class PushMessagingConfigurationForm(forms.ModelForm):  # type: ignore[type-arg]
    """The service account comes in as a file, is checked at once and is never shown again."""

    service_account_file = forms.FileField(
        label=_("Service account"), widget=UnfoldAdminFileFieldWidget(attrs={"accept": ".json,application/json"})
    )

    class Meta:
        model = PushMessagingConfiguration
        fields = ("name", "platform", "fcm_api_version", "endpoint")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        upload = self.fields["service_account_file"]
        upload.required = self.instance._state.adding
        upload.help_text = (
            _("The private key file (.json) of a service account of the Firebase project. It is stored encrypted.")
            if upload.required
            else _("One is stored, encrypted. It is not shown; a new file replaces it.")
        )

    def clean_service_account_file(self) -> dict[str, Any] | None:
        upload: UploadedFile | None = self.cleaned_data["service_account_file"]
        if upload is None:
            return None
        info = service_accounts.parse(_text(upload))
        _check_project(info["project_id"], self.instance)
        return info

    def save(self, commit: bool = True) -> PushMessagingConfiguration:
        if info := self.cleaned_data["service_account_file"]:
            self.instance.project_id = info["project_id"]
            self.instance.service_account = json.dumps(info)
        configuration: PushMessagingConfiguration = super().save(commit)
        return configuration


def _text(upload: UploadedFile) -> str:
    if (upload.size or 0) > MAX_FILE_BYTES:
        raise ValidationError(_("This file is too large for a service account's key file."))
    try:
        text: str = upload.read().decode()
    except UnicodeDecodeError:
        raise ValidationError(_("This is not a text file. Upload the service account's key file.")) from None
    return text


def _check_project(project_id: str, instance: PushMessagingConfiguration) -> None:
    # It becomes a part of an address, and it is no field of the form, whose checks would not reach it.
    try:
        instance._meta.get_field("project_id").clean(project_id, instance)
    except ValidationError:
        raise ValidationError(_("The service account's “project_id” is not the name of a Google project.")) from None
