"""Public configuration of the web phone."""

import re
from typing import Any

from django.conf import settings

from apps.applications.models import Application, ApplicationVersion, VersionStatus
from apps.push.models import Platform

NAME = "Countersign"


def configuration() -> dict[str, Any]:
    """Return what the app must know before an enrolment. It is public and contains no secret."""
    applications = Application.objects.filter(web_phone=True).prefetch_related("versions__push_messaging_configuration")
    return {
        "name": NAME,
        "server": settings.PUBLIC_URL,
        "applications": [_application(application) for application in applications],
    }


def _application(application: Application) -> dict[str, Any]:
    version = newest_version(application)
    push = version.push_messaging_configuration if version else None
    return {
        "application_id": application.identifier,
        "name": application.name,
        "app_version": version.version if version else None,
        "vapid_public_key": push.vapid_public_key if push else None,
    }


def newest_version(application: Application) -> ApplicationVersion | None:
    """Return the highest enabled version for the platform web, with 1.10 above 1.9, or None."""
    enabled = [
        version
        for version in application.versions.all()
        if version.platform == Platform.WEB and version.status == VersionStatus.ENABLED
    ]
    return max(enabled, key=lambda version: _sort_key(version.version), default=None)


def _sort_key(version: str) -> list[tuple[int, str]]:
    parts = re.findall(r"\d+|\D+", version)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]
