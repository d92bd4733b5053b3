"""Fake server of a party that publishes its keys (RFC 7517) and signs tokens with them."""

import json
import time

from joserfc import jws
from joserfc.jwk import ECKey, RSAKey

from tests.fakes import fake_server


def key(kid, kind="EC"):
    """Return a new private key with this `kid`."""
    options = {"kid": kid}
    return ECKey.generate_key("P-256", options) if kind == "EC" else RSAKey.generate_key(2048, options)


def public(*keys, **members):
    """Return the JWK Set of the public keys."""
    return {"keys": [{**each.as_dict(private=False), **members} for each in keys]}


def sign(claims, signer, algorithm="ES256", **header):
    """Return a token with these claims, which expires in a minute."""
    claims = {"exp": int(time.time()) + 60, **claims}
    protected = {"alg": algorithm, "kid": signer.kid, **header}
    payload = json.dumps({name: value for name, value in claims.items() if value is not None}).encode()
    return jws.serialize_compact(protected, payload, signer, algorithms=[algorithm])


class KeySetServer(fake_server.FakeServer):
    """Fake of the party. Every path has the set of its `keys`; `requests` counts the requests."""

    def __init__(self, *keys, port=0):
        super().__init__(port)
        self.keys = keys

    @property
    def requests(self):
        return len(self.received)

    def default_response(self, _key, path, headers, body):
        headers = {"Content-Type": "application/jwk-set+json"}
        return {"status": 200, "headers": headers, "body": json.dumps(public(*self.keys))}
