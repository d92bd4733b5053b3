"""Links that open the app on the device, or the web phone in a browser."""

from urllib.parse import urlencode

from django.conf import settings

from apps.applications.models import Application

PHONE_PATH = "/phone/"


def enrollment_uri(code: str, application: Application) -> str:
    """Return the link for a QR code, with the server's URL, the application and the enrolment code."""
    return f"countersign://enroll?{_parameters(code, application)}"


def web_enrollment_uri(code: str, application: Application) -> str:
    """Return the link to the web phone, or an empty string if the application has none.

    A browser does not send the part after `#`, so the code is in no request and no access log.
    """
    return f"{phone_url()}#{_parameters(code, application)}" if application.web_phone else ""


def phone_url() -> str:
    """Return the URL of the web phone: on the origin of PHONE_URL, by default on that of the server."""
    return f"{settings.PHONE_URL or settings.PUBLIC_URL}{PHONE_PATH}"


def members(code: str, application: Application) -> dict[str, str]:
    """Return the links of an enrolment code by member name."""
    web_uri = web_enrollment_uri(code, application)
    return {
        "enrollment_uri": enrollment_uri(code, application),
        **({"web_enrollment_uri": web_uri} if web_uri else {}),
    }


def _parameters(code: str, application: Application) -> str:
    return urlencode({"server": settings.PUBLIC_URL, "application_id": application.identifier, "code": code})
