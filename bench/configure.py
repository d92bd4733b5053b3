"""Puts the bench's portal, application and type into an empty database, with the product's own settings.

Runs as `python -m bench.configure DIRECTORY CLIENT_SECRET`; DIRECTORY holds the service account.
"""

import json
import sys
from pathlib import Path

import django

django.setup()

from apps.applications.models import SECRET_PURPOSE, Api, ApiClient, Application, ApplicationVersion  # noqa: E402
from apps.callbacks.models import CallbackEndpoint  # noqa: E402
from apps.common import codes  # noqa: E402
from apps.demo import fcm  # noqa: E402
from apps.push.models import PushMessagingConfiguration  # noqa: E402
from apps.transactions.models import MobileAuthenticationType  # noqa: E402
from bench.names import APPLICATION, CLIENT_ID, TYPE  # noqa: E402
from bench.standins import ACCOUNT_FILE, CALLBACK_PATH  # noqa: E402
