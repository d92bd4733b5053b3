"""Check that browsers can enrol with the web phone of each application that has it."""

from collections.abc import Iterator

from django.conf import settings
from django.utils.translation import gettext as _

from apps.applications.models import Application, ApplicationVersion, VersionStatus
from apps.common.findings import Finding, Level
from apps.push.models import Platform


def check() -> Iterator[Finding]:
    applications = Application.objects.filter(web_phone=True)
    for application in applications:
        yield _check_version(application, _("web phone of “%(name)s”") % {"name": application.name})
    if applications and not settings.PUBLIC_URL.startswith(("https://", "http://localhost:")):
        text = _("Browsers offer keys, camera and pushes only to HTTPS pages.")
        yield Finding(Level.ERROR, _("web phone"), text, _("Set PUBLIC_URL to a URL that begins with https://."))


def _check_version(application: Application, about: str) -> Finding:
    enabled = ApplicationVersion.objects.filter(
        application=application, platform=Platform.WEB, status=VersionStatus.ENABLED
    )
    if not enabled.exists():
        text = _("No browser can enrol: there is no enabled version for the platform web.")
        return Finding(Level.ERROR, about, text, _("Add a version for the platform web to the application."))
    if not enabled.filter(push_messaging_configuration__isnull=False).exists():
        text = _(
            "Browsers get no pushes and only find requests while the app is open: the version for the platform web has "
            "no push messaging configuration."
        )
        return Finding(Level.WARNING, about, text, _("Select a configuration of the kind Web Push for the version."))
    return Finding(Level.OK, about, _("Browsers can enrol."))
