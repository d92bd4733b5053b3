from typing import Any

from django.core.management.base import CommandParser
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.applications import services
from apps.applications.models import Api
from apps.common.commands import DataCommand


class Command(DataCommand):
    help = gettext_lazy("Create an API client and print its secret. The secret is shown only once.")

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--name", required=True, help=_("name of the client"))
        text = _("%(names)s (may be repeated)") % {"names": ", ".join(Api.values)}
        parser.add_argument("--api", required=True, action="append", metavar="API", help=text)
        parser.add_argument("--client-id", default="", metavar="ID", help=_("client id (default: a random one)"))
        parser.add_argument(
            "--ip",
            default=[],
            action="append",
            metavar="ADDRESS",
            help=_("allowed IP address or network in CIDR notation (may be repeated; default: all)"),
        )

    def handle(self, *args: Any, **options: Any) -> None:
        client, secret = services.create_client(
            name=options["name"],
            apis=options["api"],
            client_id=options["client_id"],
            ip_allow_list=options["ip"],
            who="create_api_client",
        )
        self.print_data({"client_id": client.client_id, "client_secret": secret}, as_json=options["json"])
