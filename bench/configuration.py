"""What the bench needs in an empty database: one portal, one application with its push configuration, one type."""

import json
import sys
from typing import Any

from apps.applications.models import SECRET_PURPOSE, Api, ApiClient, Application, ApplicationVersion
from apps.callbacks.models import CallbackEndpoint
from apps.common import codes
from apps.push.models import PushMessagingConfiguration
from apps.transactions.models import MobileAuthenticationType


def apply(wanted: dict[str, Any]) -> None:
    """Make the rows as an administrator would in the console."""
    account = wanted["service_account"]
    ApiClient.objects.create(
        name="Bench",
        client_id=wanted["client_id"],
        secret_hashes=[codes.keyed_hash(wanted["client_secret"], SECRET_PURPOSE)],
        apis=list(Api.values),
    )
    google = PushMessagingConfiguration.objects.create(
        name="google",
        project_id=account["project_id"],
        service_account=json.dumps(account),
        endpoint=wanted["push_endpoint"],
    )
    application = Application.objects.create(identifier=wanted["application"], name="Bench")
    ApplicationVersion.objects.create(application=application, version="1.0.0", push_messaging_configuration=google)
    MobileAuthenticationType.objects.create(name=wanted["type"], default_messages={"en": "Sign in?"})
    CallbackEndpoint.objects.create(url=wanted["callback_url"], username="portal", password=wanted["client_secret"])


def main() -> None:
    apply(json.load(sys.stdin))
