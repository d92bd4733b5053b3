"""Links that open the app on the device."""

from urllib.parse import urlencode

from django.conf import settings


def enrollment_uri(code: str, application_identifier: str) -> str:
    """Return the link for a QR code, with the server's URL, the application and the enrolment code."""
    fields = {"server": settings.PUBLIC_URL, "application_id": application_identifier, "code": code}
    return f"countersign://enroll?{urlencode(fields)}"
