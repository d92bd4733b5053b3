"""JOSE keys of a device at its enrolment: two keys on P-256, one for each use, and nothing private."""

import copy
import json

import pytest
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from apps.enrollment.models import EnrollmentCode, Profile
from clients.python.countersign_device import KeyKind
from tests.api.calls import error_of, send_json


def jwk(kind, curve="P-256", **changes):
    """Return a new public key for a use. Members set to None are omitted."""
    algorithm = {"sig": "ES256", "enc": "ECDH-ES+A256KW"}[kind]
    members = {**ECKey.generate_key(curve).as_dict(private=False), "use": kind, "alg": algorithm, **changes}
    return {name: value for name, value in members.items() if value is not None and name != "kid"}


def private_jwk(use):
    return {**ECKey.generate_key("P-256").as_dict(private=True), "use": use, "alg": jwk(use)["alg"]}


def key_set(*keys):
    return {"keys": list(keys)}


SIGNING, ENCRYPTION = jwk("sig"), jwk("enc")
RSA = {**RSAKey.generate_key(2048).as_dict(private=False), "use": "sig", "alg": "ES256"}
ED25519 = {**OKPKey.generate_key("Ed25519").as_dict(private=False), "use": "sig", "alg": "ES256"}
SYMMETRIC = {**OctKey.generate_key(256).as_dict(private=True), "use": "sig", "alg": "ES256"}


@pytest.fixture
def send(client, version):
    """Return a function that enrols with these keys. Other members set to None are omitted."""

    def run(code, **members):
        body = {
            "enrollment_code": code,
            "application_id": version.application.identifier,
            "platform": version.platform,
            "app_version": version.version,
            "device_name": "Anna's phone",
            **members,
        }
        return send_json(client, "/device/v1/enrollments", body)

    return run


def test_response_has_the_keys_of_the_server(send, new_code):
    response = send(new_code(), public_keys=key_set(SIGNING, ENCRYPTION))
    assert response.status_code == 201
    body = response.json()
    assert set(body) == {"device_id", "profile_id", "device_token", "server_public_keys"}
    signing, encryption = body["server_public_keys"]["keys"]
    assert set(signing) == set(encryption) == {"kty", "crv", "x", "y", "use", "alg", "kid"}
    assert (signing["use"], signing["alg"]) == ("sig", "ES256")
    assert (encryption["use"], encryption["alg"]) == ("enc", "ECDH-ES+A256KW")
    for key in (signing, encryption):
        assert key["kid"] == ECKey.import_key({name: key[name] for name in ("kty", "crv", "x", "y")}).thumbprint()
    assert signing["kid"] != encryption["kid"]


def test_only_the_key_numbers_are_stored(send, new_code):
    keys = [{**key, "kid": "mine", "ext": True, "key_ops": ["verify"], "more": {}} for key in (ENCRYPTION, SIGNING)]
    assert send(new_code(), public_keys={"keys": keys, "more": 1}).status_code == 201
    profile = Profile.objects.get()
    assert json.loads(profile.public_key) == key_set(SIGNING, ENCRYPTION)
    assert profile.fingerprint == ECKey.import_key(SIGNING).thumbprint()


def changed(key, **members):
    return {**copy.deepcopy(key), **members}


REFUSED = {
    "no keys": {"keys": []},
    "keys not a list": {"keys": {"sig": SIGNING}},
    "no member keys": {"key": [SIGNING, ENCRYPTION]},
    "one key": key_set(SIGNING),
    "three keys": key_set(SIGNING, ENCRYPTION, jwk("enc")),
    "two signing keys": key_set(SIGNING, jwk("sig")),
    "two encryption keys": key_set(jwk("enc"), ENCRYPTION),
    "same key twice": key_set(SIGNING, changed(SIGNING, use="enc", alg="ECDH-ES+A256KW")),
    "private signing key": key_set(private_jwk("sig"), ENCRYPTION),
    "private encryption key": key_set(SIGNING, private_jwk("enc")),
    "empty private member": key_set(changed(SIGNING, d=""), ENCRYPTION),
    "not an object": key_set("key", ENCRYPTION),
    "null": key_set(None, ENCRYPTION),
    "P-384": key_set(jwk("sig", "P-384"), ENCRYPTION),
    "P-521": key_set(SIGNING, jwk("enc", "P-521")),
    "secp256k1": key_set(jwk("sig", "secp256k1"), ENCRYPTION),
    "other curve named P-256": key_set(jwk("sig", "secp256k1", crv="P-256"), ENCRYPTION),
    "RSA": key_set(RSA, ENCRYPTION),
    "Ed25519": key_set(ED25519, ENCRYPTION),
    "symmetric": key_set(SYMMETRIC, ENCRYPTION),
    "no kty": key_set(jwk("sig", kty=None), ENCRYPTION),
    "no crv": key_set(jwk("sig", crv=None), ENCRYPTION),
    "no use": key_set(jwk("sig", use=None), ENCRYPTION),
    "other use": key_set(changed(SIGNING, use="verify"), ENCRYPTION),
    "no alg": key_set(jwk("sig", alg=None), ENCRYPTION),
    "other alg of signing": key_set(changed(SIGNING, alg="ES384"), ENCRYPTION),
    "alg none": key_set(changed(SIGNING, alg="none"), ENCRYPTION),
    "other alg of encryption": key_set(SIGNING, changed(ENCRYPTION, alg="ECDH-ES")),
    "no x": key_set(jwk("sig", x=None), ENCRYPTION),
    "no y": key_set(SIGNING, jwk("enc", y=None)),
    "off the curve": key_set(changed(SIGNING, y=SIGNING["x"]), ENCRYPTION),
    "point at infinity": key_set(changed(SIGNING, x="A" * 43, y="A" * 43), ENCRYPTION),
    "short x": key_set(changed(SIGNING, x=SIGNING["x"][:-2]), ENCRYPTION),
    "long x": key_set(changed(SIGNING, x="AAAA" + SIGNING["x"]), ENCRYPTION),
    "padded x": key_set(changed(SIGNING, x=SIGNING["x"] + "="), ENCRYPTION),
    "base64 with a plus": key_set(changed(SIGNING, x="+" * 43), ENCRYPTION),
    "x is a number": key_set(changed(SIGNING, x=5), ENCRYPTION),
    "x is a list": key_set(changed(SIGNING, x=["A"]), ENCRYPTION),
    "x is not ASCII": key_set(changed(SIGNING, x="\u0660" * 43), ENCRYPTION),
    "x with a lone surrogate": key_set(changed(SIGNING, x="\ud800" * 43), ENCRYPTION),
    "use is a list": key_set(changed(SIGNING, use=["sig"]), ENCRYPTION),
}


@pytest.mark.parametrize("keys", REFUSED.values(), ids=REFUSED)
def test_other_keys_are_rejected_and_the_code_stays_valid(send, new_code, event_types, keys):
    code = new_code()
    assert error_of(send(code, public_keys=keys)) == (400, "invalid_public_key")
    assert event_types()[-1] == "KEY_ENROLLMENT_FAILURE_INVALID_PUBLIC_KEY"
    assert not Profile.objects.exists()
    assert EnrollmentCode.objects.get().used_at is None
    assert send(code, public_keys=key_set(SIGNING, ENCRYPTION)).status_code == 201


@pytest.mark.parametrize(
    "keys", [None, "", "text", 5, True, [], [SIGNING, ENCRYPTION], {}], ids=lambda keys: str(keys)[:9]
)
def test_keys_must_be_an_object(send, new_code, keys):
    response = send(new_code(), public_keys=keys)
    assert error_of(response) == (400, "invalid_request")
    assert "public_keys" in response.json()["error_description"]


def test_request_with_both_kinds_is_rejected(send, new_code, public_key):
    code = new_code()
    both = {"public_keys": key_set(SIGNING, ENCRYPTION), "public_key": public_key}
    assert error_of(send(code, **both)) == (400, "invalid_request")
    assert EnrollmentCode.objects.get().used_at is None


def test_device_can_change_the_kind_of_its_keys(enroll, client, portal, mobile_type):
    device = enroll()
    for kind in (KeyKind.CURVE25519, KeyKind.P256):
        device.kind, device.secret_key = kind, ""
        enroll(device=device)
        started = portal.start(mobile_type, device).json()["transaction_id"]
        assert device.answer(device.fetch(started), approve=True) == "authenticated"
    assert Profile.objects.count() == 1
