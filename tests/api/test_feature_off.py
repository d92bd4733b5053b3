"""The portal and device APIs return 1000 while the feature is off; the user API stays available."""

import pytest

from tests.api.calls import (
    CODES,
    ENROLLMENTS,
    INITIATE,
    answer_path,
    error_of,
    fetch_path,
    post_form,
    push_path,
    result_path,
    send_json,
)

pytestmark = pytest.mark.usefixtures("feature_off")


def test_portal_api_is_disabled_for_any_parameters(portal):
    assert error_of(portal.post(INITIATE, {})) == (404, "1000")
    assert error_of(portal.post(INITIATE, [("type", "a"), ("type", "b")])) == (404, "1000")
    assert error_of(portal.get(result_path("x"))) == (404, "1000")


def test_feature_is_checked_before_form_parameters(portal):
    fields = [
        ("client_id", portal.api_client.client_id),
        ("client_secret", portal.secret),
        ("type", "a"),
        ("type", "b"),
    ]
    assert error_of(post_form(portal.client, INITIATE, fields)) == (404, "1000")


def test_credentials_are_checked_first(client):
    assert error_of(post_form(client, INITIATE, {})) == (401, "invalid_client")


def test_device_api_is_disabled(client):
    for response in (
        send_json(client, ENROLLMENTS, {}),
        client.get(ENROLLMENTS),
        client.delete(f"{ENROLLMENTS}/ABC123"),
        send_json(client, push_path("ABC123"), {}, method="PUT"),
        client.get("/device/v1/transactions"),
        send_json(client, fetch_path("x"), {}),
        send_json(client, answer_path("x"), {}),
    ):
        assert error_of(response) == (404, "1000")


def test_user_api_stays_available(portal, version):
    response = portal.post(CODES.format(user_id="anna"), {"application_id": version.application.identifier})
    assert response.status_code == 201
