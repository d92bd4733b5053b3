"""Factories of rows, as an administrator or a device would create them."""

import json
from functools import cache

import factory
from factory.django import DjangoModelFactory

from apps.applications.models import Api, ApiClient, Application, ApplicationVersion
from apps.callbacks.models import CallbackEndpoint
from apps.demo import fcm
from apps.enrollment.models import FraudLock
from apps.push.models import PushMessagingConfiguration
from apps.transactions.types import MobileAuthenticationType

CLIENT_SECRET = "a-client-secret-that-only-tests-know"


class ApiClientFactory(DjangoModelFactory):
    """API client with access to all APIs and the secret CLIENT_SECRET."""

    class Meta:
        model = ApiClient

    name = factory.Sequence(lambda number: f"Portal {number}")
    client_id = factory.Sequence(lambda number: f"portal-{number}")
    # CIBA needs settings of its own.
    apis = factory.LazyFunction(lambda: [api for api in Api.values if api != Api.CIBA])

    @factory.lazy_attribute
    def secret_hashes(self):
        from apps.applications.models import SECRET_PURPOSE
        from apps.common import codes

        return [codes.keyed_hash(CLIENT_SECRET, SECRET_PURPOSE)]


@cache
def service_account():
    """Return the service account of all tests: generating an RSA key is slow. No server listens on its port."""
    return fcm.service_account("http://127.0.0.1:9")


class PushMessagingConfigurationFactory(DjangoModelFactory):
    class Meta:
        model = PushMessagingConfiguration

    name = factory.Sequence(lambda number: f"google-{number}")
    fcm_api_version = "http_v1"
    project_id = factory.LazyFunction(lambda: service_account()["project_id"])
    service_account = factory.LazyFunction(lambda: json.dumps(service_account()))
    endpoint = "http://127.0.0.1:9/send"


class ApplicationFactory(DjangoModelFactory):
    class Meta:
        model = Application

    identifier = factory.Sequence(lambda number: f"shop-{number}")
    name = factory.Sequence(lambda number: f"Shop {number}")


class ApplicationVersionFactory(DjangoModelFactory):
    class Meta:
        model = ApplicationVersion

    application = factory.SubFactory(ApplicationFactory)
    version = "1.0.0"
    push_messaging_configuration = factory.SubFactory(PushMessagingConfigurationFactory)


class FraudLockFactory(DjangoModelFactory):
    """Fraud lock in the only application."""

    class Meta:
        model = FraudLock

    user_id = "anna"
    application = factory.LazyFunction(Application.objects.get)


class TypeFactory(DjangoModelFactory):
    class Meta:
        model = MobileAuthenticationType

    name = factory.Sequence(lambda number: f"login-{number}")
    default_messages = factory.LazyAttribute(
        lambda mobile_type: (
            {"en": "Your code: {code}", "nl": "Uw code: {code}"}
            if getattr(mobile_type, "method", "") == "sms"
            else {"en": "Sign in?", "nl": "Inloggen?"}
        )
    )


class CallbackEndpointFactory(DjangoModelFactory):
    class Meta:
        model = CallbackEndpoint

    url = factory.Sequence(lambda number: f"http://127.0.0.1:9/callback/{number}")
    username = "portal"
    password = "callback-password"
