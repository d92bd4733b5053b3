"""The command demo_setup."""

import json
from io import StringIO

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command

from apps.applications.models import ApiClient, ApplicationVersion
from apps.callbacks.models import CallbackEndpoint
from apps.demo import setup, store
from apps.enrollment.models import Device
from apps.push.models import PushMessagingConfiguration
from apps.transactions.types import MobileAuthenticationType

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def own_files(settings, tmp_path):
    settings.VAR_DIR = tmp_path
    settings.PORT = 8765


def signs_in(client, password):
    return client.post("/admin/login/", {"username": "admin", "password": password}).status_code == 302


def demo_setup(*arguments):
    output = StringIO()
    call_command("demo_setup", *arguments, stdout=output)
    return output.getvalue()


def test_demo_setup_configures_all_items():
    demo_setup()
    stored = store.read(store.SETUP)
    client = ApiClient.objects.get(client_id="demo-portal")
    assert client.has_secret(stored["client_secret"])
    assert set(client.apis) == {"mobile_authentication", "end_user"}
    version = ApplicationVersion.objects.get(application__identifier="demo", platform="android")
    assert version.version == "1.0.0"
    assert version.application.web_phone is True
    web = ApplicationVersion.objects.get(application__identifier="demo", platform="web")
    assert (web.version, web.push_messaging_configuration.kind) == ("1.0.0", "web_push")
    assert web.push_messaging_configuration.vapid_private_key == stored["vapid_private_key"]
    assert (version.application.pin_enabled, version.application.fingerprint_enabled) == (True, True)
    assert version.application.max_pin_attempts == 3
    google = version.push_messaging_configuration
    assert google.message_url == "http://127.0.0.1:8765/demo/fcm/v1/projects/countersign-demo/messages:send"
    assert google.service_account_info["token_uri"] == "http://127.0.0.1:8765/demo/fcm/token"
    mobile_type = MobileAuthenticationType.objects.get(name="login")
    assert (mobile_type.method, mobile_type.time_to_live) == ("push", 120)
    text, scan = (MobileAuthenticationType.objects.get(name=name) for name in ("login-sms", "scan"))
    assert (text.method, text.max_attempts, text.max_resends, text.sms_sender_id) == ("sms", 3, 2, "Larkspur")
    assert scan.method == "otp"
    methods = dict(MobileAuthenticationType.objects.values_list("name", "method"))
    assert (methods["login-pin"], methods["login-fingerprint"]) == ("push_with_pin", "push_with_fingerprint")
    assert MobileAuthenticationType.objects.get(name="payment").transaction_signing is True
    endpoint = CallbackEndpoint.objects.get()
    assert (endpoint.url, endpoint.password) == ("http://127.0.0.1:8765/demo/callback", stored["callback_password"])


def test_demo_setup_is_idempotent():
    demo_setup()
    stored = store.read(store.SETUP)
    assert demo_setup() == "Nothing to change.\n"
    assert store.read(store.SETUP) == stored


def test_another_port_changes_urls_and_keeps_secrets(settings):
    demo_setup()
    before = store.read(store.SETUP)
    settings.PORT = 8766
    demo_setup()
    after = store.read(store.SETUP)
    assert after == {**before, "server": "http://127.0.0.1:8766"}
    assert [endpoint.url for endpoint in CallbackEndpoint.objects.all()] == ["http://127.0.0.1:8766/demo/callback"]
    google = PushMessagingConfiguration.objects.get(name="demo-fcm")
    assert ":8766/" in google.endpoint
    assert ":8766/" in google.service_account_info["token_uri"]


def test_changes_of_an_administrator_stay_until_a_reset():
    demo_setup()
    MobileAuthenticationType.objects.filter(name="login").update(time_to_live=30)
    MobileAuthenticationType.objects.create(name="other", time_to_live=45)
    demo_setup()
    assert MobileAuthenticationType.objects.get(name="login").time_to_live == 30
    demo_setup("--reset")
    assert MobileAuthenticationType.objects.get(name="login").time_to_live == 120
    assert MobileAuthenticationType.objects.get(name="other").time_to_live == 45
    assert store.consume_reset_request()


def test_older_demo_gets_missing_types():
    demo_setup()
    MobileAuthenticationType.objects.exclude(name="login").delete()
    names = ["login-pin", "login-fingerprint", "payment", "login-code", "login-sms", "scan"]
    assert demo_setup() == "".join(f"mobile_authentication_types[{name}]: created\n" for name in names)


def test_older_demo_gets_the_web_phone():
    demo_setup()
    before = {name: value for name, value in store.read(store.SETUP).items() if name != "vapid_private_key"}
    store.write(store.SETUP, before)
    ApplicationVersion.objects.filter(platform="web").delete()
    PushMessagingConfiguration.objects.filter(platform="web").delete()
    demo_setup()
    after = store.read(store.SETUP)
    assert after == {**before, "vapid_private_key": after["vapid_private_key"]}
    [web] = ApplicationVersion.objects.filter(platform="web")
    assert web.push_messaging_configuration.vapid_private_key == after["vapid_private_key"]


def test_deleted_item_is_restored():
    demo_setup()
    CallbackEndpoint.objects.all().delete()
    demo_setup()
    assert CallbackEndpoint.objects.count() == 1


def test_printed_password_is_valid_after_a_change(client):
    demo_setup()
    user = get_user_model().objects.get(username="admin")
    assert user.is_superuser
    assert signs_in(client, setup.console_password())
    user.set_password("another-password")
    user.save()
    demo_setup()
    assert signs_in(client, setup.console_password())


def test_phone_with_lost_keys_is_unenrolled(enroll):
    demo_setup()
    enroll(user_id="anna", version=ApplicationVersion.objects.get(application__identifier="demo", platform="android"))
    other = enroll(user_id="anna", push_token="another-token")
    demo_setup()
    assert [device.device_id for device in Device.objects.all()] == [other.device_id]


def test_configuration_conflict_is_reported_in_one_line():
    ApiClient.objects.create(name="Demo portal", client_id="another")
    with pytest.raises(CommandError, match=r"^api_clients\[0\]"):
        demo_setup()
    assert store.read(store.SETUP) == {}


def test_stored_service_account_is_complete():
    demo_setup()
    account = json.loads(PushMessagingConfiguration.objects.get(name="demo-fcm").service_account)
    assert account["private_key"] == store.read(store.SETUP)["service_account"]["private_key"]
