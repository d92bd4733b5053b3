"""Check of a realm: its public keys and its issuer. No authentication is started."""

from collections import Counter
from collections.abc import Iterable

from django.utils.translation import gettext as _

from apps.common import untrusted_json
from apps.common.findings import Finding, Level
from apps.common.jose.public_keys import PublicKey
from apps.integrations.models import KeycloakIntegration
from apps.outgoing import checked, http, key_sets
from apps.outgoing.key_sets import KeySetUnavailable

DISCOVERY_PATH = "/.well-known/openid-configuration"


def check(integration: KeycloakIntegration) -> list[Finding]:
    """Fetch the keys and the issuer of the realm, and return the findings. Takes at most 16 s."""
    about = _("Keycloak integration “%(name)s”") % {"name": integration}
    try:
        keys = key_sets.fetch(integration.key_set_url)
    except KeySetUnavailable as error:
        text = _("The keys of the realm cannot be fetched: %(reason)s.") % {"reason": _(error.reason)}
        remedy = _(
            "Compare the realm URL with Keycloak, and check that this server can connect to it. If Keycloak is in a "
            "private network, set CALLBACKS_ALLOW_PRIVATE_ADDRESSES."
        )
        return [Finding(Level.ERROR, about, text, remedy)]
    issuer = _fetch_issuer(integration)
    if issuer and issuer != integration.expected_issuer:
        text = _("The issuer of the realm is %(issuer)s. Tokens of the realm are rejected.") % {"issuer": issuer}
        return [Finding(Level.ERROR, about, text, _("Enter this issuer in the integration."))]
    text = _("The realm can be reached. Its keys: %(keys)s.") % {"keys": describe(keys)}
    return [Finding(Level.OK, about, text)]


def describe(keys: Iterable[PublicKey]) -> str:
    """Return the types of the keys with their numbers."""
    counts = Counter(_label(key) for key in keys)
    return ", ".join(f"{label} ({count})" for label, count in sorted(counts.items()))


def _label(key: PublicKey) -> str:
    return "EC P-256" if key.key_type == "EC" else f"RSA {key.public_key.key_size}"


def _fetch_issuer(integration: KeycloakIntegration) -> str:
    """Return the issuer in the discovery document of the realm; empty if there is none."""
    timeouts = (key_sets.CONNECT_TIMEOUT_SECONDS, key_sets.TIMEOUT_SECONDS)
    url = f"{integration.realm_url}{DISCOVERY_PATH}"
    request = http.Request("GET", url, {"Accept": "application/json"}, b"", *timeouts, public_only=True)
    [[(_item, response)]] = checked.send_all([(None, request)])
    if isinstance(response, http.NoResponse) or response.status != 200:
        return ""
    try:
        document = untrusted_json.loads(response.body)
    except ValueError:
        return ""
    issuer = document.get("issuer") if isinstance(document, dict) else None
    return issuer[:2000] if isinstance(issuer, str) else ""
