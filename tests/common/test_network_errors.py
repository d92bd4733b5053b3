"""Kinds of network errors that need a proxy or a client certificate. The others: tests/callbacks."""

import pytest

from apps.outgoing import http
from apps.outgoing.errors import NetworkErrorKind
from apps.outgoing.proxy import Proxy
from tests.fakes.apns import Apns
from tests.fakes.portal import Portal
from tests.fakes.web_proxy import WebProxy
from tests.ports import free_port


def error_kind(url, call=http.send, **options):
    with pytest.raises(http.NoResponse) as caught:
        call(http.Request("POST", url, timeout_seconds=5, **options))
    return caught.value.kind


def proxy(server, **options):
    return Proxy(f"http://127.0.0.1:{server.port}", **options)


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("call", [http.send, http.check_connectivity])
def test_unreachable_proxy_has_its_kind(scheme, call):
    unreachable = Proxy(f"http://127.0.0.1:{free_port()}")
    kind = error_kind(f"{scheme}://portal.example/", call, proxy=unreachable)
    assert kind == NetworkErrorKind.PROXY_UNREACHABLE


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_rejected_proxy_credentials_have_their_kind(scheme):
    with WebProxy(("user", "right")) as server:
        kind = error_kind(f"{scheme}://portal.example/", proxy=proxy(server, username="user", password="wrong"))
    assert kind == NetworkErrorKind.PROXY_CREDENTIALS


def test_failed_tunnel_has_its_kind():
    with WebProxy() as server:
        kind = error_kind(f"https://127.0.0.1:{free_port()}/", proxy=proxy(server))
    assert kind == NetworkErrorKind.PROXY_REJECTED


def test_tls_error_in_a_tunnel_has_its_kind():
    with WebProxy() as server, Portal() as portal:
        kind = error_kind(portal.url.replace("http:", "https:"), proxy=proxy(server))
    assert kind == NetworkErrorKind.TLS_FAILED


def test_connection_check_has_the_kind_of_its_error():
    kind = error_kind(f"http://127.0.0.1:{free_port()}/", http.check_connectivity)
    assert kind == NetworkErrorKind.CONNECTION_REFUSED


def test_rejected_client_certificate_has_its_kind():
    with Apns() as apple:
        described = apple.describe()
        kind = error_kind(
            f"{described['production_url']}/3/device/a1",
            ca_file=described["ca_file"],
            client_certificate=described["expired_certificate"],
        )
    assert kind == NetworkErrorKind.TLS_CLIENT_CERTIFICATE
