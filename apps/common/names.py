"""Names of configured things: they stand in URLs, files and API calls."""

from django.core.validators import RegexValidator
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

name_validator = RegexValidator(r"\A[A-Za-z0-9_.-]+\Z", _("Use letters, digits, “_”, “-” and “.” only."))


def quoted(name: object) -> str:
    """Put a name between the quotation marks of the reader's language."""
    return gettext("“%(name)s”") % {"name": name}
