from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class OtpConfig(AppConfig):
    name = "apps.otp"
    verbose_name = _("One-time passwords")
