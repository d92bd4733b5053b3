"""Network errors of outgoing requests, classified by the numbers that libcurl reports."""

import errno
from enum import StrEnum

import pycurl


class NetworkErrorKind(StrEnum):
    """Kind of a network error. The values are stored."""

    NAME_NOT_FOUND = "name_not_found"
    ADDRESS_NOT_PUBLIC = "address_not_public"
    CONNECTION_REFUSED = "connection_refused"
    HOST_UNREACHABLE = "host_unreachable"
    TIMED_OUT = "timed_out"
    TLS_FAILED = "tls_failed"
    TLS_UNTRUSTED = "tls_untrusted"
    TLS_EXPIRED = "tls_expired"
    TLS_WRONG_NAME = "tls_wrong_name"
    TLS_CLIENT_CERTIFICATE = "tls_client_certificate"
    CONNECTION_CLOSED = "connection_closed"
    CONNECTION_RESET = "connection_reset"
    NOT_HTTP = "not_http"
    PROXY_UNREACHABLE = "proxy_unreachable"
    PROXY_CREDENTIALS = "proxy_credentials"
    PROXY_REJECTED = "proxy_rejected"
    OTHER = "other"


# Numbers without a name in pycurl (https://curl.se/libcurl/c/libcurl-errors.html).
_E_WEIRD_SERVER_REPLY, _E_HTTP2_STREAM, _E_PROXY, _E_TOO_LARGE = 8, 92, 97, 100
_KINDS = {
    pycurl.E_COULDNT_RESOLVE_HOST: NetworkErrorKind.NAME_NOT_FOUND,
    pycurl.E_COULDNT_RESOLVE_PROXY: NetworkErrorKind.NAME_NOT_FOUND,
    pycurl.E_OPERATION_TIMEDOUT: NetworkErrorKind.TIMED_OUT,
    pycurl.E_SSL_CERTPROBLEM: NetworkErrorKind.TLS_CLIENT_CERTIFICATE,
    _E_PROXY: NetworkErrorKind.PROXY_REJECTED,
    pycurl.E_SSL_CIPHER: NetworkErrorKind.TLS_FAILED,
    pycurl.E_SSL_CACERT_BADFILE: NetworkErrorKind.TLS_UNTRUSTED,
    pycurl.E_GOT_NOTHING: NetworkErrorKind.CONNECTION_CLOSED,
    pycurl.E_PARTIAL_FILE: NetworkErrorKind.CONNECTION_CLOSED,
    pycurl.E_HTTP2: NetworkErrorKind.CONNECTION_RESET,
    _E_HTTP2_STREAM: NetworkErrorKind.CONNECTION_RESET,
    # HTTP/0.9, or a status that does not exist.
    pycurl.E_UNSUPPORTED_PROTOCOL: NetworkErrorKind.NOT_HTTP,
    _E_WEIRD_SERVER_REPLY: NetworkErrorKind.NOT_HTTP,
    pycurl.E_BAD_CONTENT_ENCODING: NetworkErrorKind.NOT_HTTP,
    _E_TOO_LARGE: NetworkErrorKind.NOT_HTTP,
}
# Results of OpenSSL's certificate verification (X509_V_ERR_...).
_OUTSIDE_VALIDITY = {9, 10}
# libcurl compares the name itself: OpenSSL then reports success or, before its own verification, an unspecified error.
_NAME_MISMATCH = {0, 1, 62, 64}
_RESET = {errno.ECONNRESET, errno.EPIPE}


def classify(curl: pycurl.Curl, number: int, *, has_proxy: bool, has_client_certificate: bool) -> NetworkErrorKind:
    """Return the kind of an error from libcurl's error number and the state of its handle."""
    tunnel_status = int(curl.getinfo(pycurl.HTTP_CONNECTCODE))
    if tunnel_status and not 200 <= tunnel_status < 300:
        return NetworkErrorKind.PROXY_CREDENTIALS if tunnel_status == 407 else NetworkErrorKind.PROXY_REJECTED
    if number == pycurl.E_COULDNT_CONNECT:
        return _classify_connect_error(int(curl.getinfo(pycurl.OS_ERRNO)), has_proxy=has_proxy)
    if number == pycurl.E_PEER_FAILED_VERIFICATION:
        return _classify_certificate_error(int(curl.getinfo(pycurl.SSL_VERIFYRESULT)))
    if number in (pycurl.E_SSL_CONNECT_ERROR, pycurl.E_SEND_ERROR, pycurl.E_RECV_ERROR):
        return _classify_broken_connection(
            curl, number, has_proxy=has_proxy, has_client_certificate=has_client_certificate
        )
    return _KINDS.get(number, NetworkErrorKind.OTHER)


def _classify_connect_error(system_error: int, *, has_proxy: bool) -> NetworkErrorKind:
    if has_proxy:
        return NetworkErrorKind.PROXY_UNREACHABLE
    if system_error == errno.ECONNREFUSED:
        return NetworkErrorKind.CONNECTION_REFUSED
    return NetworkErrorKind.HOST_UNREACHABLE


def _classify_certificate_error(verification: int) -> NetworkErrorKind:
    if verification in _OUTSIDE_VALIDITY:
        return NetworkErrorKind.TLS_EXPIRED
    return NetworkErrorKind.TLS_WRONG_NAME if verification in _NAME_MISMATCH else NetworkErrorKind.TLS_UNTRUSTED


def _classify_broken_connection(
    curl: pycurl.Curl, number: int, *, has_proxy: bool, has_client_certificate: bool
) -> NetworkErrorKind:
    if int(curl.getinfo(pycurl.OS_ERRNO)) in _RESET:
        return NetworkErrorKind.CONNECTION_RESET
    has_tls_error = number == pycurl.E_SSL_CONNECT_ERROR
    is_sent = bool(curl.getinfo(pycurl.REQUEST_SIZE))
    if not has_tls_error and has_proxy and not is_sent:
        return NetworkErrorKind.PROXY_REJECTED
    # The server verified the client certificate last: its own certificate was valid by then.
    if has_client_certificate and int(curl.getinfo(pycurl.SSL_VERIFYRESULT)) == 0:
        return NetworkErrorKind.TLS_CLIENT_CERTIFICATE
    if has_tls_error:
        return NetworkErrorKind.TLS_FAILED
    return NetworkErrorKind.NOT_HTTP if number == pycurl.E_RECV_ERROR else NetworkErrorKind.CONNECTION_CLOSED
