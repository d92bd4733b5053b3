"""Forms of general settings, types, callback endpoints and applications."""

import pytest
from django.db import connection
from django.forms import IntegerField

from apps.applications.models import Application, ApplicationVersion
from apps.callbacks.models import CallbackEndpoint
from apps.events.models import Event
from apps.push.models import PushMessagingConfiguration
from apps.system.models import GeneralConfiguration
from apps.transactions.types import MobileAuthenticationType
from tests import factories
from tests.console.conftest import errors

GENERAL = "/admin/system/generalconfiguration/"


def test_enrollment_options_are_shown_disabled(console):
    console.save(GENERAL, enrollment_enabled=None)
    form = console.get(GENERAL).context["adminform"].form
    locked = {name for name, field in form.fields.items() if field.disabled}
    assert locked == {"unique_pgp_keys_per_enrollment", "push_enrollment_enabled", "push_enrollment_mode"}


def test_enrollment_options_cannot_change_while_off(console):
    console.save(GENERAL, enrollment_enabled=None)
    changed = {"push_enrollment_mode": "multiple_devices", "unique_pgp_keys_per_enrollment": "on"}
    assert console.save(GENERAL, **changed, callback_on_expiry="on").status_code == 302
    general = GeneralConfiguration.get_solo()
    assert general.push_enrollment_mode == "single_device"
    assert general.unique_pgp_keys_per_enrollment is False
    assert general.push_enrollment_enabled is True
    assert general.callback_on_expiry is True


def test_enrollment_options_can_change_when_turned_on(console):
    console.save(GENERAL, enrollment_enabled=None)
    console.save(GENERAL, enrollment_enabled="on", push_enrollment_mode="multiple_devices")
    assert GeneralConfiguration.get_solo().push_enrollment_mode == "multiple_devices"


def test_risky_modes_have_a_warning(console):
    page = console.get(GENERAL).content.decode()
    assert 'data-shown-when="push_enrollment_mode=override_allowed|multiple_devices"' in page
    assert "this might introduce a security risk" in page
    assert "console/console.js" in page


@pytest.mark.parametrize(
    ("field", "most"),
    [
        ("max_consecutive_code_failures", 100),
        ("code_lock_seconds", 31_536_000),
        ("max_pending_transactions", 1000),
        ("max_pushes_without_success", 1000),
        ("push_cooldown_after_denial_seconds", 86_400),
        ("sms_per_number_per_hour", 1_000_000),
        ("sms_per_prefix_per_hour", 1_000_000),
        ("sms_per_client_per_day", 1_000_000),
    ],
)
def test_number_field_has_range(console, field, most):
    for value in (most + 1, 999_999_999_999, "9" * 30, -1):
        assert set(errors(console.save(GENERAL, **{field: value}))) == {field}, value
    assert console.save(GENERAL, **{field: most}).status_code == 302
    assert getattr(GeneralConfiguration.objects.get(), field) == most


def test_every_number_field_has_range(console):
    form = console.get(GENERAL).context["adminform"].form
    numbers = {name for name, field in form.fields.items() if isinstance(field, IntegerField)}
    assert len(numbers) == 8
    assert set(errors(console.save(GENERAL, **dict.fromkeys(numbers, 999_999_999_999)))) == numbers


def type_path(mobile_type):
    return f"/admin/transactions/mobileauthenticationtype/{mobile_type.pk}/change/"


def test_default_message_is_a_field(console):
    fields = {"name": "login", "method": "push", "time_to_live": 300, "default_message_en": "Sign in?"}
    assert console.post("/admin/transactions/mobileauthenticationtype/add/", fields).status_code == 302
    assert MobileAuthenticationType.objects.get().default_messages == {"en": "Sign in?"}


def test_messages_in_other_languages_are_kept(console):
    mobile_type = factories.TypeFactory(default_messages={"en": "Sign in?", "nl": "Inloggen?"})
    assert console.form(type_path(mobile_type))["default_message_en"] == "Sign in?"
    console.save(type_path(mobile_type), default_message_en="")
    mobile_type.refresh_from_db()
    assert mobile_type.default_messages == {"nl": "Inloggen?"}


@pytest.mark.parametrize(("text", "accepted"), [("😀" * 10, True), ("😀" * 11, False)])
def test_default_message_is_limited_in_code_points(console, settings, text, accepted):
    settings.MESSAGE_MAX_LENGTH = 10
    page = console.save(type_path(factories.TypeFactory()), default_message_en=text)
    assert (page.status_code == 302) is accepted
    if not accepted:
        assert "at most 10 characters" in errors(page)["default_message_en"]


@pytest.mark.parametrize("seconds", ["0", "86401", "-1", "1.5", "soon"])
def test_time_to_live_out_of_range_is_rejected(console, seconds):
    assert set(errors(console.save(type_path(factories.TypeFactory()), time_to_live=seconds))) == {"time_to_live"}


def test_long_time_to_live_is_accepted_with_warning(console):
    mobile_type = factories.TypeFactory()
    assert 'data-shown-when="time_to_live&gt;600"' in console.get(type_path(mobile_type)).content.decode()
    assert console.save(type_path(mobile_type), time_to_live=601).status_code == 302


def endpoint_path(endpoint):
    return f"/admin/callbacks/callbackendpoint/{endpoint.pk}/change/"


def test_callback_password_is_write_only(console):
    fields = {"url": "https://portal.example.com/callback", "username": "us", "new_password": "open sesame"}
    assert console.post("/admin/callbacks/callbackendpoint/add/", fields).status_code == 302
    endpoint = CallbackEndpoint.objects.get()
    assert endpoint.password == "open sesame"
    with connection.cursor() as cursor:
        cursor.execute("SELECT password FROM callbacks_callbackendpoint")
        assert "open sesame" not in cursor.fetchone()[0]
    paths = [endpoint_path(endpoint), endpoint_path(endpoint).replace("change/", "history/"), "/admin/events/event/"]
    paths += [f"/admin/events/event/{event.pk}/change/" for event in Event.objects.all()]
    for path in paths:
        assert "open sesame" not in console.get(path).content.decode()


def test_rejected_form_does_not_return_password(console):
    fields = {"url": "nowhere", "username": "us", "new_password": "open sesame"}
    page = console.post("/admin/callbacks/callbackendpoint/add/", fields)
    assert set(errors(page)) == {"url"}
    assert "open sesame" not in page.content.decode()


def test_empty_password_keeps_stored_password(console, changes):
    endpoint = factories.CallbackEndpointFactory()
    console.save(endpoint_path(endpoint), username="renamed")
    assert CallbackEndpoint.objects.get().password == "callback-password"
    assert "secrets_changed" not in changes("ADMIN_CONFIGURATION_UPDATED")
    console.save(endpoint_path(endpoint), remove_password="on")
    assert CallbackEndpoint.objects.get().password == ""
    assert changes("ADMIN_CONFIGURATION_UPDATED")["secrets_changed"] == ["password"]


def test_password_cannot_be_set_and_removed_at_once(console):
    endpoint = factories.CallbackEndpointFactory()
    page = console.save(endpoint_path(endpoint), remove_password="on", new_password="another")
    assert set(errors(page)) == {"remove_password"}
    assert CallbackEndpoint.objects.get().password == "callback-password"


def test_username_with_colon_is_rejected(console):
    page = console.save(endpoint_path(factories.CallbackEndpointFactory()), username="a:b")
    assert set(errors(page)) == {"username"}


def application_path(application):
    return f"/admin/applications/application/{application.pk}/change/"


def inline(total, initial=0, **fields):
    management = {"versions-TOTAL_FORMS": total, "versions-INITIAL_FORMS": initial}
    return {**management, **{f"versions-0-{name}": value for name, value in fields.items()}}


def test_application_is_added_with_version(console, changes):
    configuration = factories.PushMessagingConfigurationFactory()
    version = {"platform": "android", "version": "2.0", "status": "enabled"}
    version["push_messaging_configuration"] = str(configuration.pk)
    fields = {"name": "Shop", "identifier": "shop", **inline(1, **version)}
    response = console.post("/admin/applications/application/add/", fields)
    assert response.status_code == 302, errors(response)
    version = ApplicationVersion.objects.get()
    assert (version.application.identifier, version.version) == ("shop", "2.0")
    assert version.push_messaging_configuration == configuration
    assert changes("ADMIN_CONFIGURATION_CREATED")["model"] == "applications.ApplicationVersion"


def test_configuration_of_other_platform_is_rejected(console):
    configuration = factories.PushMessagingConfigurationFactory()
    version = {"platform": "ios", "version": "2.0", "status": "enabled"}
    version["push_messaging_configuration"] = str(configuration.pk)
    page = console.post(
        "/admin/applications/application/add/", {"name": "Shop", "identifier": "shop", **inline(1, **version)}
    )
    assert errors(page) == {
        "push_messaging_configuration": "This push messaging configuration is for another platform."
    }
    assert not Application.objects.exists()
    assert PushMessagingConfiguration.objects.count() == 1


def test_duplicate_version_is_rejected(console, version):
    path = application_path(version.application)
    fields = {
        f"versions-1-{name}": value
        for name, value in (("platform", "android"), ("version", "1.0.0"), ("status", "enabled"))
    }
    page = console.save(path, **fields, **{"versions-TOTAL_FORMS": 2})
    assert errors(page)
    assert ApplicationVersion.objects.count() == 1
