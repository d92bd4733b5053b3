"""Columns and fields of a profile in the console. Key material and push tokens are never shown."""

from typing import Any

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext
from unfold.decorators import display

from apps.applications.models import VersionStatus
from apps.common.console.admin import format_datetime
from apps.enrollment.models import Profile
from apps.enrollment.pulling import is_pulling

VERSION_COLORS = {
    VersionStatus.ENABLED: "success",
    VersionStatus.LOGIN_ONLY: "warning",
    VersionStatus.DISABLED: "danger",
}


@admin.display(description=_("device"))
def device_name(profile: Profile) -> str:
    return profile.device.name


@admin.display(description=_("device ID"))
def device_id(profile: Profile) -> str:
    return profile.device.device_id


@admin.display(description=_("model and operating system"))
def device_model(profile: Profile) -> str:
    return ", ".join(filter(None, (profile.device.model, profile.device.os_version))) or "-"


@admin.display(description=_("application"))
def application(profile: Profile) -> str:
    return profile.device.version.application.name


@admin.display(description=_("platform"))
def platform(profile: Profile) -> str:
    return profile.device.version.get_platform_display()


@admin.display(description=_("version"))
def version(profile: Profile) -> str:
    return profile.device.version.version


@display(description=_("status of the version"), label=VERSION_COLORS)  # type: ignore[untyped-decorator]
def version_label(profile: Profile) -> tuple[str, str]:
    return profile.device.version.status, profile.device.version.get_status_display()


@admin.display(description=_("status of the version"))
def version_status(profile: Profile) -> str:
    return profile.device.version.get_status_display()


@admin.display(description=_("keys"))
def keys(profile: Profile) -> str:
    return profile.key_kind.label if profile.key_kind else pgettext("keys of a profile", "removed")


@admin.display(description=_("key fingerprint"), empty_value="-")
def fingerprint(profile: Profile) -> str:
    return profile.fingerprint


@admin.display(description=_("push"), boolean=True)
def push(profile: Profile) -> bool:
    return hasattr(profile, "push_enrollment")


@admin.display(description=_("push since (UTC)"))
def push_enrolled(profile: Profile) -> str:
    return format_datetime(profile.push_enrollment.enrolled_at) if push(profile) else "-"


@admin.display(description=_("requests without push"), boolean=True)
def pulling(profile: Profile) -> bool:
    return is_pulling(profile) and not push(profile)


@admin.display(description=_("authenticators"))
def registered(profile: Profile) -> str:
    authenticators = sorted(profile.authenticators.all(), key=_registered_at)
    names = [
        f"{authenticator.get_type_display()} {authenticator.authenticator_id}".strip()
        for authenticator in authenticators
    ]
    return ", ".join(names) or pgettext("authenticators", "none")


def _registered_at(authenticator: Any) -> Any:
    return authenticator.registered_at


@admin.display(description=_("wrong PINs"))
def wrong_pins(profile: Profile) -> str:
    return f"{profile.wrong_pins} / {profile.device.version.application.max_pin_attempts or '∞'}"


@admin.display(description=_("locked (UTC)"))
def locked(profile: Profile) -> str:
    """Return the start of the fraud lock, an annotation of the query."""
    return format_datetime(profile.locked_at)


@admin.display(description=_("enrolled (UTC)"))
def enrolled(profile: Profile) -> str:
    return format_datetime(profile.created_at)


@admin.display(description=_("last login (UTC)"))
def last_login(profile: Profile) -> str:
    return format_datetime(profile.device.last_login_at)
