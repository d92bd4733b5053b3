from typing import Any

from django.core.management.base import CommandParser

from apps.applications import services
from apps.applications.models import Api
from apps.common.commands import DataCommand


class Command(DataCommand):
    help = "Make a client of the REST APIs and print its secret, which cannot be read again."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--name", required=True, help="what people call it")
        parser.add_argument(
            "--api", required=True, action="append", metavar="API", help=f"{', '.join(Api.values)} (may be repeated)"
        )
        parser.add_argument("--client-id", default="", metavar="ID", help="default: a new random one")
        parser.add_argument(
            "--ip",
            default=[],
            action="append",
            metavar="ADDRESS",
            help="an address or network (CIDR) that may call (may be repeated; default: every address)",
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
