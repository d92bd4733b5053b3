"""Names and credentials of configured things: they stand in URLs, files and API calls."""

from django.core.validators import RegexValidator
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

# What a credential is made of: VSCHAR of RFC 6749, appendix A.
credential_validator = RegexValidator(r"\A[ -~]+\Z", _("Use visible ASCII characters and spaces only."))
name_validator = RegexValidator(r"\A[A-Za-z0-9_.-]+\Z", _("Use letters, digits, “_”, “-” and “.” only."))


def quoted(name: object) -> str:
    """Put a name between the quotation marks of the reader's language."""
    return gettext("“%(name)s”") % {"name": name}
