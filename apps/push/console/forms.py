"""Form of a push messaging configuration: the fields of its kind, and write-only credentials."""

import json
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.core.validators import RegexValidator
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminPasswordWidget

from apps.common.console.documents import troubleshooting
from apps.common.console.forms import warning
from apps.push import apple_credentials, service_accounts, wrong_files
from apps.push.models import ALLOWED_FIELDS, FcmApiVersion, Kind, Platform, PushMessagingConfiguration
from apps.push.problems import LEGACY_API_SHUT_DOWN
from apps.push.providers.web_push import vapid

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

MAX_FILE_BYTES = 64 * 1024
# The fields of each platform, and the FCM API version to which a field belongs. Certificates have no fields.
PLATFORM_FIELDS = {
    Platform.ANDROID: ("fcm_api_version", "service_account_file", "new_server_key", "endpoint"),
    Platform.IOS: ("team_id", "key_id", "signing_key_file"),
    # The server makes the key pair.
    Platform.WEB: ("contact",),
}
FIELD_API_VERSION = {"service_account_file": FcmApiVersion.HTTP_V1, "new_server_key": FcmApiVersion.LEGACY}
# Form fields of credentials, with the columns in which they are stored.
CREDENTIAL_COLUMNS = {
    "service_account_file": "service_account",
    "new_server_key": "server_key",
    "signing_key_file": "signing_key",
}
CREDENTIAL_FORM_FIELDS = {column: field for field, column in CREDENTIAL_COLUMNS.items()}


def platform_fields(configuration: PushMessagingConfiguration | None) -> dict[Platform, tuple[str, ...]]:
    """Return the form fields by platform: all for a new configuration (None), otherwise those of its platform."""
    if configuration is None:
        return PLATFORM_FIELDS
    if configuration.kind == Kind.APNS_CERTIFICATE:
        return {}
    platform = Platform(configuration.platform)
    return {platform: PLATFORM_FIELDS[platform]}


class PushMessagingConfigurationForm(forms.ModelForm):  # type: ignore[type-arg]
    """Form with uploaded or typed credentials, which are validated at once and never shown again.

    The model validates which fields are required and allowed. Its errors of a credential column are shown at the form
    field of that credential.
    """

    service_account_file = forms.FileField(
        label=_("Service account"), widget=UnfoldAdminFileFieldWidget(attrs={"accept": ".json,application/json"})
    )
    new_server_key = forms.CharField(
        label=_("Server key"),
        max_length=4096,
        validators=[
            RegexValidator(r"\A[!-~]+\Z", _("A server key consists of printable ASCII characters without spaces."))
        ],
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
    )
    signing_key_file = forms.FileField(
        label=_("Signing key"), widget=UnfoldAdminFileFieldWidget(attrs={"accept": ".p8,.pem"})
    )

    class Meta:
        model = PushMessagingConfiguration
        fields = ("name", "platform", "fcm_api_version", "endpoint", "team_id", "key_id", "contact")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.by_platform = platform_fields(None if self.instance._state.adding else self.instance)
        field_names = {"name", "platform", *(name for names in self.by_platform.values() for name in names)}
        for name in set(self.fields) - field_names:
            del self.fields[name]
        self._set_visibility()
        self._set_help_texts()

    def _set_visibility(self) -> None:
        for platform, names in self.by_platform.items():
            for name in names:
                # The platform of an existing configuration is fixed: only a new one has a field for it.
                conditions = [f"platform={platform}"] if self.instance._state.adding else []
                conditions += [f"fcm_api_version={FIELD_API_VERSION[name]}"] if name in FIELD_API_VERSION else []
                self.fields[name].required = False
                if conditions:
                    self.fields[name].widget.attrs["data-field-shown-when"] = "&".join(conditions)

    def _set_help_texts(self) -> None:
        document = troubleshooting("googles-legacy-api-was-shut-down")
        help_texts: dict[str, Any] = {
            "service_account_file": _("Private key file (.json) of a service account of the Firebase project."),
            "new_server_key": _("Key with which this server authenticates to the gateway."),
            "signing_key_file": _("The file AuthKey_….p8 from Apple. It is valid for all apps of the team."),
            "team_id": _("Shown in Apple's developer account under Membership."),
            "key_id": _("Shown next to the key in Apple's developer account, and part of its file name."),
            "fcm_api_version": warning(LEGACY_API_SHUT_DOWN, "fcm_api_version=legacy", document),
        }
        for name in help_texts.keys() & self.fields.keys():
            self.fields[name].help_text = self._stored_credential_help(name) or help_texts[name]
        if "fcm_api_version" in self.fields:
            self.fields["fcm_api_version"].choices = FcmApiVersion.choices  # type: ignore[attr-defined]
            self.initial["fcm_api_version"] = self.initial.get("fcm_api_version") or FcmApiVersion.HTTP_V1

    def _stored_credential_help(self, field: str) -> Any:
        # The page only needs to know that a credential is stored, so nothing is decrypted.
        if not self.instance.__dict__.get(CREDENTIAL_COLUMNS.get(field, "")):
            return ""
        if field == "service_account_file":
            text = _(
                "An encrypted service account for the project “%(project)s” is stored and never shown. A new file "
                "replaces it."
            )
            return text % {"project": self.instance.project_id}
        if field == "signing_key_file":
            return _("An encrypted signing key is stored and never shown. A new file replaces it.")
        return _("An encrypted server key is stored and never shown. Leave this field empty to keep it.")

    def clean_service_account_file(self) -> str:
        upload: UploadedFile | None = self.cleaned_data["service_account_file"]
        if upload is None:
            return ""
        info = service_accounts.parse(_read_text(upload, wrong_files.UPLOAD_SERVICE_ACCOUNT))
        _check_project(info["project_id"], self.instance)
        return json.dumps(info)

    def clean_signing_key_file(self) -> str:
        upload: UploadedFile | None = self.cleaned_data["signing_key_file"]
        if upload is None:
            return ""
        return apple_credentials.validate_signing_key(_read_text(upload, wrong_files.UPLOAD_SIGNING_KEY))

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        kind = self._resolve_kind(cleaned)
        if kind is not None:
            self._assign_credentials(kind, cleaned)
        return cleaned

    def _resolve_kind(self, cleaned: dict[str, Any]) -> Kind | None:
        """Return the kind of the configuration after the change; None if platform or FCM API version is invalid.

        Removes the FCM API version of a configuration for iOS.
        """
        if not self.instance._state.adding and Platform.ANDROID not in self.by_platform:
            return Kind(self.instance.kind)
        platform: str | None = cleaned.get("platform") if self.instance._state.adding else self.instance.platform
        if platform is None or "fcm_api_version" not in cleaned:
            return None
        version = (cleaned["fcm_api_version"] or FcmApiVersion.HTTP_V1) if platform == Platform.ANDROID else ""
        cleaned["fcm_api_version"] = version
        return PushMessagingConfiguration(platform=platform, fcm_api_version=version).kind

    def _assign_credentials(self, kind: Kind, cleaned: dict[str, Any]) -> None:
        """Assign the submitted credentials, so that the model validates them, and clear those of other kinds."""
        for field, column in CREDENTIAL_COLUMNS.items():
            value = cleaned.get(field)
            if value:
                setattr(self.instance, column, value)
            elif column not in ALLOWED_FIELDS[kind]:
                setattr(self.instance, column, "")
        if kind != Kind.WEB_PUSH:
            self.instance.vapid_private_key = self.instance.vapid_public_key = ""
        elif self.instance._state.adding:
            vapid.assign_new_key_pair(self.instance)
        if kind != Kind.FCM_HTTP_V1:
            self.instance.project_id = ""
        elif account := cleaned.get("service_account_file"):
            self.instance.project_id = json.loads(account)["project_id"]

    def add_error(self, field: str | None, error: Any) -> None:
        """Assign errors of the model to the form field of the credential; keep only the first error of a field."""
        for column, errors in getattr(error, "error_dict", {field: error}).items():
            name = CREDENTIAL_FORM_FIELDS.get(column, column)
            if name in CREDENTIAL_COLUMNS and name in self.errors:
                continue
            super().add_error(name if name in self.fields and name != NON_FIELD_ERRORS else None, errors)

    def save(self, commit: bool = True) -> PushMessagingConfiguration:
        if set(self.changed_data) - {"name"}:
            # The stored error is about the previous settings.
            self.instance.delivery_error, self.instance.delivery_error_destination, self.instance.delivery_error_at = (
                "",
                "",
                None,
            )
        configuration: PushMessagingConfiguration = super().save(commit)
        return configuration


def _read_text(upload: UploadedFile, expected: "StrPromise") -> str:
    """Return the text of an uploaded file. `expected` is the sentence that names the file for a binary one."""
    if (upload.size or 0) > MAX_FILE_BYTES:
        raise ValidationError(_("The file is too large for a key file."))
    content: bytes = upload.read()
    try:
        return content.decode()
    except UnicodeDecodeError:
        if found := wrong_files.recognize(content):
            raise ValidationError(f"{found} {expected}") from None
        raise ValidationError(_("The file is not a text file. Upload the key file from Apple or Google.")) from None


def _check_project(project_id: str, instance: PushMessagingConfiguration) -> None:
    # The project is a part of the endpoint URL. The form has no field for it, so it is validated separately.
    try:
        instance._meta.get_field("project_id").clean(project_id, instance)
    except ValidationError:
        raise ValidationError(_("The service account's “project_id” is not the name of a Google project.")) from None
