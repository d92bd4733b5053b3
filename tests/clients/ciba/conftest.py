"""The npm packages of the clients, and what they need to know about the installation."""

from pathlib import Path

import pytest

from scripts import node
from tests.clients.ciba import sites


@pytest.fixture(scope="session")
def ciba_package():
    """Install the npm packages, and return the module that runs Node."""
    package = node.Package("ciba", node.of_the_package(), parent=Path(__file__).parent.parent)
    package.install()
    return package


@pytest.fixture(scope="session")
def ciba_site(portal_site):
    """Return the configuration of the clients."""
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
