"""Validators for names and credentials of configured items, which are used in URLs, files and API calls."""

from django.core.validators import RegexValidator
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

# Credentials consist of VSCHAR characters (RFC 6749, appendix A).
credential_validator = RegexValidator(r"\A[ -~]+\Z", _("Use visible ASCII characters and spaces only."))
name_validator = RegexValidator(r"\A[A-Za-z0-9_.-]+\Z", _("Use letters, digits, “_”, “-” and “.” only."))


def quoted(name: object) -> str:
    """Return the name in the quotation marks of the active language."""
    return gettext("“%(name)s”") % {"name": name}
