from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.common.caller import is_address
from apps.common.commands import DataCommand, terminal_safe
from apps.geocontext import services, sources, templates
from apps.geocontext.models import ConfirmationTemplate, Geolocation
from apps.geocontext.services import Composed, Origin


class Command(DataCommand):
    help = gettext_lazy(
        "Print the secure message with the context of a request, and the source of each part. Calls the geolocation "
        "service, unless the location of the address was looked up within the last day."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--ip", default="", help=_("IP address of the user, as the portal sends it in ip_address"))
        parser.add_argument("--user-agent", default="", help=_("User-Agent header, as the portal sends it"))
        text = _("language of the request (default: %(default)s)")
        parser.add_argument("--language", default="en", help=text)
        parser.add_argument("--message", default=templates.EXAMPLE["message"], help=_("secure message"))

    def handle(self, *args: Any, **options: Any) -> None:
        if options["ip"] and not is_address(options["ip"]):
            raise CommandError(_("--ip: “%(value)s” is not an IP address.") % {"value": terminal_safe(options["ip"])})
        origin = Origin(options["ip"], options["user_agent"], options["language"])
        disabled_reason = services.disabled_reason()
        composed = None if disabled_reason else _compose(options["message"], origin)
        language, template = templates.choose(ConfirmationTemplate.get_solo().texts, origin.language)
        data = {
            # Without context nothing is checked and no event is recorded.
            "message": composed.text if composed else options["message"],
            "check": str(composed.event_type) if composed else None,
            "reason": (composed.reason if composed else disabled_reason) or None,
            "is_used": not disabled_reason,
            "location_source": _describe_source(),
            "template_language": language,
            "template": template,
        }
        self.print_data(data, as_json=options["json"])


def _compose(message: str, origin: Origin) -> Composed:
    composed = services.compose(message, origin)
    if composed:
        return composed
    [[(_item, location)]] = services.look_up([(None, origin.ip_address)])
    return services.compose_with(message, origin, location)


def _describe_source() -> str:
    """Return a description of the source of locations, or how to configure one."""
    service = Geolocation.get_solo()
    if service.url:
        return sources.describe_service(service)
    if settings.GEOCONTEXT_DATABASE:
        return sources.describe_database(settings.GEOCONTEXT_DATABASE)
    return _("none: set GEOCONTEXT_DATABASE, or configure a service under System, Geolocation")
