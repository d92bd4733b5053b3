"""PHONE_URL: the web phone on an origin of its own, and its cross-origin requests to the device API."""

import pytest

from apps.api.device.urls import urlpatterns

ORIGIN = "https://phone.example.com"
PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
FOREIGN_ORIGINS = [
    "https://auth.example.com",
    "https://phone.example.com.attacker.example",
    "https://phone.example.com:444",
    "http://phone.example.com",
    "https://PHONE.example.com",
    "null",
    "*",
    "",
]
PATHS = [f"/device/v1/{pattern.pattern}".replace("<str:", "").replace(">", "") for pattern in urlpatterns]


def cors_headers(response):
    return {name: value for name, value in response.headers.items() if name.lower().startswith("access-control-")}


@pytest.mark.parametrize("path", ["/phone/", "/phone/app.js", "/phone/config.json"])
def test_phone_is_served_on_its_host(client, db, bundle, own_origin, path):
    response = client.get(path, headers={"Host": own_origin})
    assert response.status_code == 200
    assert "connect-src 'self' https://auth.example.com;" in response["Content-Security-Policy"]


@pytest.mark.parametrize(
    "path",
    ["/admin/", "/admin/login/", "/demo/", "/oauth/api/docs/", "/device/v1/transactions", "/static/console/mark.svg"],
)
def test_nothing_else_is_served_on_the_host_of_the_phone(client, db, bundle, own_origin, path):
    response = client.get(path, headers={"Host": own_origin})
    assert (response.status_code, response.content) == (404, b"Not found.\n")
    assert not response.cookies
    assert client.get(path, headers={"Host": "auth.example.com"}).status_code != 404


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probes_answer_on_every_host(client, db, own_origin, path):
    for host in (own_origin, "auth.example.com", "10.0.0.1"):
        assert client.get(path, headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("path", ["/", "/phone"])
def test_root_of_the_host_leads_to_the_phone(client, bundle, own_origin, path):
    response = client.get(path, headers={"Host": f"{own_origin}:443"})
    assert (response.status_code, response["Location"]) == (302, "/phone/")


@pytest.mark.parametrize("path", ["/phone/", "/phone"])
def test_page_on_the_server_is_redirected_to_the_phone(client, bundle, own_origin, path):
    response = client.get(path, headers={"Host": "auth.example.com"})
    assert (response.status_code, response["Location"]) == (302, "https://phone.example.com/phone/")


@pytest.mark.parametrize("path", ["app.js", "sw.js", "config.json", "index.html"])
def test_files_are_not_served_on_the_server(client, bundle, own_origin, path):
    assert client.get(f"/phone/{path}", headers={"Host": "auth.example.com"}).status_code == 404


@pytest.mark.parametrize("path", PATHS)
def test_preflight_of_the_phone_is_allowed(client, own_origin, path):
    response = client.options(path, headers={"Host": "auth.example.com", "Origin": ORIGIN, **PREFLIGHT})
    assert (response.status_code, response.content) == (204, b"")
    assert cors_headers(response) == {
        "Access-Control-Allow-Origin": ORIGIN,
        "Access-Control-Allow-Methods": "GET, POST, PUT, DELETE",
        "Access-Control-Allow-Headers": "Authorization, Content-Type",
        "Access-Control-Max-Age": "7200",
        "Access-Control-Expose-Headers": "Date, Retry-After",
    }
    assert "Origin" in response["Vary"]


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_phone_reads_responses_without_credentials(client, db, own_origin, method):
    response = client.generic(method, "/device/v1/transactions", headers={"Host": "auth.example.com", "Origin": ORIGIN})
    # Also errors: the app shows them.
    assert response.status_code in (401, 405)
    assert cors_headers(response) == {
        "Access-Control-Allow-Origin": ORIGIN, "Access-Control-Expose-Headers": "Date, Retry-After",
    }  # fmt: skip
    assert "Origin" in response["Vary"]


def test_rejected_host_is_readable_by_the_phone_only(client, own_origin):
    for origin, allowed in ((ORIGIN, ORIGIN), ("https://attacker.example.com", None)):
        response = client.get("/device/v1/transactions", headers={"Host": "10.0.0.1", "Origin": origin})
        assert (response.status_code, response.get("Access-Control-Allow-Origin")) == (400, allowed)


@pytest.mark.parametrize("origin", FOREIGN_ORIGINS)
@pytest.mark.parametrize("path", ["/device/v1/transactions", "/device/v1/enrollments"])
def test_foreign_origin_gets_no_permission(client, db, own_origin, path, origin):
    headers = {"Host": "auth.example.com", "Origin": origin}
    for response in (client.options(path, headers={**headers, **PREFLIGHT}), client.get(path, headers=headers)):
        assert not cors_headers(response)
        # A cache must not give the response to the phone.
        assert "Origin" in response["Vary"]


@pytest.mark.parametrize("path", ["/oauth/api/v4/users/anna/devices", "/admin/", "/healthz", "/device/v2/x"])
def test_other_paths_have_no_cross_origin_headers(client, db, own_origin, path):
    headers = {"Host": "auth.example.com", "Origin": ORIGIN}
    for response in (client.options(path, headers={**headers, **PREFLIGHT}), client.get(path, headers=headers)):
        assert not cors_headers(response)


def test_device_api_has_no_cross_origin_headers_without_phone_url(client, db):
    for origin in ("http://testserver", "http://localhost:8000", ORIGIN, "://"):
        response = client.options("/device/v1/transactions", headers={"Origin": origin, **PREFLIGHT})
        assert response.status_code == 405
        assert not cors_headers(response)
