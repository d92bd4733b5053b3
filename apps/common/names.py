"""Names of configured things: they stand in URLs, files and API calls."""

from django.core.validators import RegexValidator
from django.utils.translation import gettext_lazy as _

name_validator = RegexValidator(r"\A[A-Za-z0-9_.-]+\Z", _("Use letters, digits, “_”, “-” and “.” only."))
