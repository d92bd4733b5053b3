"""Countersign and oidc-provider get the same requests. The page about conformance lists each difference."""

import json
import re
import time

import pytest

from scripts.node import ROOT
from tests.clients.ciba import sites
from tests.clients.ciba.cases import CASES
from tests.clients.ciba.servers import PING, USERS, Countersign, OidcProvider, outcome
from tests.fakes.portal import Portal

pytestmark = pytest.mark.processes
PAGE = ROOT / "docs" / "ciba-conformance.md"
ROW = re.compile(r"^\| ([^|]+) \| ([^|]+) \| ([^|]+) \| [^|]+ \|$", re.MULTILINE)
ANNA, BOB = USERS
HEADERS = ("content_type", "no_store", "challenge")


@pytest.fixture(scope="module")
def servers(portal_site, ciba_package):
    with OidcProvider(ciba_package) as provider:
        yield Countersign(portal_site), provider


@pytest.fixture(scope="module")
def responses(servers):
    """Send all requests to both servers. Return the outcomes by the name of the request."""
    pairs = {case.name: tuple(answered(case, server) for server in servers) for case in CASES}
    flows = [flow(server) for server in servers]
    return pairs | {name: tuple(each[name] for each in flows) for name in flows[0]}


def answered(case, server):
    """Return the outcome of a request. The user approves what was started, so that no limit is reached."""
    result = outcome(case.send(server))
    if result.status == 200:
        server.release(ANNA)
    return result


def flow(server):
    """Return the outcomes of token requests in the course of a flow."""
    expiring = server.start(BOB, requested_expiry="1")
    expires_at = time.monotonic() + 1.2
    results = {}
    started = server.start(ANNA)
    results["pending"] = outcome(server.token(started))
    results["pending, polled at once again"] = outcome(server.token(started))
    results["request of another client"] = outcome(server.token(started, PING))
    server.answer(started, ANNA, approve=True)
    response = server.token(started)
    results["approved"] = outcome(response)
    results["userinfo"] = outcome(userinfo(server, response.json()["access_token"]))
    results["used"] = outcome(server.token(started))
    denied = server.start(ANNA)
    server.answer(denied, ANNA, approve=False)
    results["denied"] = outcome(server.token(denied))
    time.sleep(max(expires_at - time.monotonic(), 0))
    results["expired"] = outcome(server.token(expiring))
    return results


def userinfo(server, access_token):
    return server.request("userinfo", "", {"Authorization": f"Bearer {access_token}"}, "GET")


def differences():
    """Return the rows of the page: how both servers respond to a request."""
    section = PAGE.read_text().partition("## Another server")[2]
    rows = ROW.findall(section)[2:]
    return {name: (ours, theirs) for name, ours, theirs in rows}


def test_responses_are_equal_or_a_documented_difference(responses):
    found = {name: describe(*pair) for name, pair in responses.items() if pair[0] != pair[1]}
    assert found == differences()


def test_successful_responses_have_the_members_of_the_other_server(responses):
    pairs = {name: pair for name, pair in responses.items() if [each.status for each in pair] == [200, 200]}
    additional = {name: ours.members - theirs.members for name, (ours, theirs) in pairs.items()}
    missing = {name: theirs.members - ours.members for name, (ours, theirs) in pairs.items()}
    assert not any(missing.values())
    assert (additional.pop("approved"), additional.pop("userinfo")) == (set(), set())
    assert additional
    # The page names this member.
    assert set(additional.values()) == {frozenset({"interval"})}


def describe(ours, theirs):
    """Return what differs in two outcomes as two texts: the status and error, or else headers."""
    if str(ours) != str(theirs):
        return str(ours), str(theirs)
    names = [name for name in HEADERS if getattr(ours, name) != getattr(theirs, name)]
    texts = ["; ".join(f"{name}: {getattr(each, name) or 'none'}" for name in names) for each in (ours, theirs)]
    return texts[0], texts[1]


def test_pings_are_equal(servers):
    theirs = servers[1]
    with Portal(sites.NOTIFICATION_PORT) as endpoint:
        for server in servers:
            auth_req_id = server.start(ANNA, PING, client_notification_token="token-of-the-client")
            server.answer(auth_req_id, ANNA, approve=True)
            assert server.token(auth_req_id, PING).status_code == 200
        [received] = endpoint.wait("/notification", 1, 204, 10)
    expected = theirs.ping()
    for name in ("authorization", "content-type"):
        assert received["headers"][name] == expected["headers"][name]
    assert json.loads(received["body"]).keys() == json.loads(expected["body"]).keys() == {"auth_req_id"}


def test_metadata_of_ciba_have_the_same_members(servers):
    documents = [server.http.get(server.url + server.paths["discovery"]).json() for server in servers]
    ours, theirs = ({name for name in document if "backchannel" in name} for document in documents)
    assert ours == theirs
