"""With the feature off the portal and device APIs say so; the user API goes on."""

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


def test_the_portal_api_says_so_whatever_the_parameters(portal):
    assert error_of(portal.post(INITIATE, {})) == (404, "1000")
    assert error_of(portal.post(INITIATE, [("type", "a"), ("type", "b")])) == (404, "1000")
    assert error_of(portal.get(result_path("x"))) == (404, "1000")


def test_form_credentials_do_not_put_the_parameters_first(portal):
    fields = [
        ("client_id", portal.api_client.client_id),
        ("client_secret", portal.secret),
        ("type", "a"),
        ("type", "b"),
    ]
    assert error_of(post_form(portal.client, INITIATE, fields)) == (404, "1000")


def test_wrong_credentials_come_first(client):
    assert error_of(post_form(client, INITIATE, {})) == (401, "invalid_client")


def test_the_device_api_says_so(client):
    for answer in (
        send_json(client, ENROLLMENTS, {}),
        client.get(ENROLLMENTS),
        client.delete(f"{ENROLLMENTS}/ABC123"),
        send_json(client, push_path("ABC123"), {}, method="PUT"),
        client.get("/device/v1/transactions"),
        send_json(client, fetch_path("x"), {}),
        send_json(client, answer_path("x"), {}),
    ):
        assert error_of(answer) == (404, "1000")


def test_the_user_api_goes_on(portal, version):
    answer = portal.post(CODES.format(user_id="anna"), {"application_id": version.application.identifier})
    assert answer.status_code == 201
