"""Fill the push queue: `python -m bench.backlog VERSION COUNT SECONDS` creates COUNT pushes that are due in SECONDS.

Runs in the environment of the installation and writes the same rows as E3, in bulk, to measure only the worker.
"""

import sys
from datetime import timedelta

import django

django.setup()

from django.utils import timezone  # noqa: E402 - models are ready only now

from apps.applications.models import ApiClient, ApplicationVersion  # noqa: E402
from apps.common import codes  # noqa: E402
from apps.enrollment.models import Device, Profile, PushEnrollment, ServerKey  # noqa: E402
from apps.transactions.models import PushDelivery, Transaction  # noqa: E402

PHONES = 50


def profiles(version: ApplicationVersion) -> list[Profile]:
    """Return the profiles of the version, each enrolled for push with a push token in the format of APNs."""
    profiles_of_version = list(Profile.objects.filter(device__version=version))
    while len(profiles_of_version) < PHONES:
        number = len(profiles_of_version)
        device = Device.objects.create(token_hash=codes.random_token(), version=version, name="Phone")
        key, _created = ServerKey.objects.get_or_create(shared=True, defaults={"secret_key": "", "public_key": ""})
        user = f"{version.version}-{number}"
        profiles_of_version.append(Profile.objects.create(device=device, user_id=user, public_key="", server_key=key))
        PushEnrollment.objects.create(profile=profiles_of_version[-1], token=f"{number:064x}", token_hash=user)
    return profiles_of_version


def fill(version: ApplicationVersion, count: int, seconds: float) -> None:
    client, phones, now = ApiClient.objects.get(), profiles(version), timezone.now()
    destination = version.destination()
    assert destination
    rows = [
        Transaction(
            client=client,
            type_name="login",
            method="push",
            user_id=phones[number % PHONES].user_id,
            profile=phones[number % PHONES],
            token=codes.random_token(),
            message="Sign in?",
            expires_at=now + timedelta(seconds=3600),
        )
        for number in range(count)
    ]
    Transaction.objects.bulk_create(rows, batch_size=1000)
    due_at = timezone.now() + timedelta(seconds=seconds)
    PushDelivery.objects.bulk_create(
        (PushDelivery(transaction=row, concurrency_key=destination.concurrency_key, due_at=due_at) for row in rows),
        batch_size=1000,
    )


if __name__ == "__main__":
    fill(ApplicationVersion.objects.get(version=sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
