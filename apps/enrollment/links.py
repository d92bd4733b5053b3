"""Links that open the app on the phone."""

from urllib.parse import urlencode

from django.conf import settings


def enrollment_uri(code: str, application_identifier: str) -> str:
    """Return one string for a QR code or a link: where the server is, for which application, and the code."""
    fields = {"server": settings.PUBLIC_URL, "application_id": application_identifier, "code": code}
    return f"countersign://enroll?{urlencode(fields)}"
