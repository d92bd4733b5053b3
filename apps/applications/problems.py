"""Problems of applications for the console and check_configuration: versions without push."""

from collections.abc import Iterator

from django.urls import reverse
from django.utils.translation import gettext as _

from apps.applications.models import Application, ApplicationVersion, VersionStatus
from apps.common.console.documents import troubleshooting
from apps.common.console.problems import Problem
from apps.push.models import Platform


def problems(application: Application | None = None) -> Iterator[Problem]:
    """Yield a problem for each version of the application, or of all applications, whose devices get no pushes.

    Browsers can fetch their requests without a push, so that the check of the web phone is about their versions.
    """
    rows = ApplicationVersion.objects.filter(push_messaging_configuration=None).exclude(platform=Platform.WEB)
    rows = rows.exclude(status=VersionStatus.DISABLED).select_related("application")
    for version in rows.filter(application=application) if application else rows:
        values = {
            "version": version.version,
            "platform": version.get_platform_display(),
            "application": version.application,
        }
        title = _("Version %(version)s (%(platform)s) of “%(application)s” has no push") % values
        text = _(
            "Its devices cannot enrol for push and get no pushes: push types use their fallback or are unavailable. "
            "Select a push messaging configuration for the version."
        )
        url = reverse("admin:applications_application_change", args=[version.application_id])
        documents = (troubleshooting("a-version-has-no-push"),)
        yield Problem(_("No push"), title, text, is_failure=False, url=url, documents=documents)
