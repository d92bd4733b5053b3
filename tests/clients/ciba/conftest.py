"""The clients of OpenID CIBA, which all run at once."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from scripts import node
from tests.clients.ciba import runs, sites

LANGUAGES = ("python", "typescript")


@pytest.fixture(scope="session")
def ciba_package():
    """Install the npm packages, and return the module that runs Node."""
    package = node.Package("ciba", node.of_the_package(), parent=Path(__file__).parent.parent)
    package.install()
    return package


@pytest.fixture(scope="session")
def ciba_site(portal_site):
    """Return the configuration of the clients in JavaScript."""
    return {
        "issuer": portal_site.tls.url,
        "domain": portal_site.tls.url.removeprefix("https://"),
        "phones": portal_site.phones_url,
        "clientId": sites.POLL,
        "clientSecret": sites.SECRET,
        "signingClientId": sites.SIGNED,
        "key": sites.KEY.as_dict(private=True),
        "type": sites.TYPE,
    }


@pytest.fixture(scope="session")
def agents(portal_site, ciba_package, tmp_path_factory):
    """Return the examples of agents by language, and the same of owners that deny."""
    return {
        (language, answer): runs.Agent(
            language, f"owner/{language}/{answer}", portal_site, ciba_package, tmp_path_factory.mktemp("agent")
        )
        for language in LANGUAGES
        for answer in ("approve", "deny")
    }


@pytest.fixture(scope="session")
def running(portal_site, ciba_package, ciba_site, agents):
    """Run all clients. Return the futures of their outcomes."""
    phones = portal_site.phones
    answers = {"approve": phones.approve_next, "deny": phones.deny_next}
    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(max_workers=8) as executor:
        # For requests, which auth0-python uses.
        patch.setenv("REQUESTS_CA_BUNDLE", str(portal_site.tls.ca_file))
        futures = {key: executor.submit(agent.transfer, answers[key[1]]) for key, agent in agents.items()}
        futures["javascript"] = executor.submit(runs.node_logins, portal_site, ciba_package, ciba_site)
        for name, answer in answers.items():
            futures["auth0-ai", name] = executor.submit(runs.call_tool, portal_site, f"auth0-ai/{name}", answer)
    return futures
