"""Creation of API clients outside the console."""

from collections.abc import Sequence
from uuid import uuid4

from django.db import transaction

from apps.applications.models import ApiClient
from apps.events import changes
from apps.events.types import EventTypes


def create_client(
    *, name: str, apis: Sequence[str], client_id: str = "", ip_allow_list: Sequence[str] = (), who: str
) -> tuple[ApiClient, str]:
    """Create an API client and return it with its secret, of which only a hash is stored.

    An empty `client_id` is replaced with a random one. Raises ValidationError, also if the name or the id is in use.
    """
    client = ApiClient(
        name=name,
        client_id=client_id or str(uuid4()),
        apis=list(dict.fromkeys(apis)),
        ip_allow_list=list(dict.fromkeys(ip_allow_list)),
    )
    secret = client.add_secret()
    client.full_clean()
    with transaction.atomic():
        client.save()
        after = changes.snapshot(client, ("secret_hashes",))
        changes.record(
            EventTypes.ADMIN_CONFIGURATION_CREATED, who=who, row=client, before=changes.EMPTY_SNAPSHOT, after=after
        )
    return client, secret
