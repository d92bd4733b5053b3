import json
import uuid
from typing import Any

from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.common.encryption import EncryptedTextField
from apps.common.names import name_validator
from apps.common.urls import validate_http_url


class Platform(models.TextChoices):
    ANDROID = "android", "Android"
    IOS = "ios", "iOS"


class FcmApiVersion(models.TextChoices):
    HTTP_V1 = "http_v1", "HTTP v1"


class PushMessagingConfiguration(models.Model):
    """Credentials for a push service. Several versions of applications may share one."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(_("name"), max_length=100, unique=True, validators=[name_validator])
    platform = models.CharField(
        _("platform"),
        max_length=10,
        choices=[(Platform.ANDROID.value, Platform.ANDROID.label)],
        default=Platform.ANDROID,
    )
    fcm_api_version = models.CharField(
        _("FCM API version"), max_length=10, choices=FcmApiVersion.choices, default=FcmApiVersion.HTTP_V1
    )
    # From the service account, so that nothing is decrypted only to show which project it is.
    project_id = models.CharField(
        _("project"), max_length=100, editable=False, validators=[RegexValidator(r"^[a-z0-9.:-]+$")]
    )
    service_account = EncryptedTextField(_("service account"))
    endpoint = models.CharField(
        _("endpoint"),
        max_length=2000,
        blank=True,
        validators=[validate_http_url],
        help_text=_("The whole address to post messages to. Empty: Google's own for the project."),
    )
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    class Meta:
        verbose_name = _("push messaging configuration")
        verbose_name_plural = _("push messaging configuration")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def message_url(self) -> str:
        return self.endpoint or f"https://fcm.googleapis.com/v1/projects/{self.project_id}/messages:send"

    @property
    def service_account_info(self) -> dict[str, Any]:
        info: dict[str, Any] = json.loads(self.service_account)
        return info
