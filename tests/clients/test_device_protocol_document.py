"""docs/device-protocol.md matches the server."""

import ast
import base64
import hashlib
import inspect
import json
import re
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap
from django.conf import settings
from django.utils import timezone
from joserfc.jwk import ECKey

from apps.api.device import serializers
from apps.api.exceptions import status_of
from apps.common import errors
from apps.enrollment.jose import public_keys
from apps.enrollment.keys import MAX_MESSAGE_BYTES, MessageType
from apps.push.destinations import Destination
from apps.push.models import PushMessagingConfiguration
from apps.push.providers import apns, fcm
from apps.push.providers.base import PushMessage

DOCS = Path(settings.BASE_DIR) / "docs"
TEXT = (DOCS / "device-protocol.md").read_text()
VECTORS = json.loads((DOCS / "test-vectors.json").read_text())["jose"]
ROW = re.compile(r"^\| (\d{3}) \| `(\w+)` \| (\d*) ?\|", re.MULTILINE)


# Errors that every request can return.
ANYWHERE = {
    errors.InternalError,
    errors.MethodNotAllowed,
    errors.RequestTooLarge,
    errors.ServiceUnavailable,
    errors.UnsupportedMediaType,
}


def device_errors():
    """Return all errors in the description of the device API."""
    from apps.api.device import views

    names = {node.attr for node in ast.walk(ast.parse(inspect.getsource(views))) if isinstance(node, ast.Attribute)}
    kinds = (getattr(errors, name, None) for name in names)
    named = {kind for kind in kinds if isinstance(kind, type) and issubclass(kind, errors.ApiError)}
    return named - {errors.ApiError} | ANYWHERE


def test_error_table_matches_the_device_api():
    documented = {(int(status), token, code) for status, token, code in ROW.findall(TEXT)}
    assert documented == {(status_of(error), error.token, error.code) for error in device_errors()}


def test_every_device_api_path_is_documented():
    from apps.api.device.urls import urlpatterns

    for route in urlpatterns:
        path = "/device/v1/" + re.sub(r"<str:(\w+)>", r"{\1}", str(route.pattern))
        assert path in TEXT, path


def json_blocks(text):
    return [json.loads(block) for block in re.findall(r"^ *```json\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)]


def section(heading):
    level = heading.partition(" ")[0]
    return re.split(rf"^#{{1,{len(level)}}} ", TEXT.split(f"\n{heading}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]


def decode(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def test_thumbprint_example_is_correct():
    keys, members = json_blocks(section("### JOSE keys"))
    signing_key = public_keys.public_key(keys["keys"][0])
    [written] = re.findall(r"^\{\"crv\".*\}$", section("### JOSE keys"), re.MULTILINE)
    [thumbprint] = re.findall(r"^`([\w-]{43})`", section("### JOSE keys"), re.MULTILINE)
    assert base64.urlsafe_b64encode(hashlib.sha256(written.encode()).digest()).rstrip(b"=").decode() == thumbprint
    assert signing_key.thumbprint() == thumbprint
    assert members.items() <= keys["keys"][0].items()


def test_key_set_example_is_accepted_with_complete_coordinates():
    keys, _members = json_blocks(section("### JOSE keys"))
    other = ECKey.generate_key("P-256").as_dict(private=False)
    keys["keys"][1] |= {name: other[name] for name in ("x", "y")}
    assert public_keys.read_device_keys(keys)


def test_headers_and_types_match_the_messages():
    signed, encrypted = json_blocks(section("### JOSE messages"))
    [device] = VECTORS["devices"]
    for vector in (device["to_device"]["challenge"], device["to_server"]["approval"]):
        header = json.loads(decode(vector["message"].split(".")[0]))
        assert header.keys() == encrypted.keys()
        assert header["epk"].keys() == encrypted["epk"].keys()
        assert {name: header[name] for name in ("alg", "enc", "cty")} == {
            name: encrypted[name] for name in ("alg", "enc", "cty")
        }
    content = json.loads(decode(decrypt(device["to_device"]["challenge"]["message"]).split(".")[0]))
    assert content.keys() == signed.keys()
    assert content["alg"] == signed["alg"]
    documented = re.findall(r"^\| `(countersign-\w+)` \| (?:server|device) \|", TEXT, re.MULTILINE)
    assert set(documented) == set(MessageType)


def decrypt(message):
    """Decrypt a message to the device of the test vectors with the steps of the page."""
    [formula] = re.findall(r"`K` = SHA-256\((.*?)\)\.$", TEXT, re.MULTILINE)
    header, key, iv, text, tag = message.split(".")
    device_key = ECKey.import_key(VECTORS["devices"][0]["secret_keys"]["keys"][1])
    secret = device_key.exchange_derive_key(ECKey.import_key(json.loads(decode(header))["epk"]))
    parts = {"Z": secret, "ECDH-ES+A256KW": b"ECDH-ES+A256KW"}
    names = [part.strip("` ") for part in formula.split("\u2016")]
    derived = hashlib.sha256(b"".join(parts[name] if name in parts else bytes.fromhex(name) for name in names)).digest()
    content_key = aes_key_unwrap(derived, decode(key))
    return AESGCM(content_key).decrypt(decode(iv), decode(text) + decode(tag), header.encode()).decode()


def test_steps_without_a_library_open_a_message():
    challenge = VECTORS["devices"][0]["to_device"]["challenge"]
    assert json.loads(decode(decrypt(challenge["message"]).split(".")[1])) == challenge["content"]


def test_enrolment_examples_have_the_members_of_the_api():
    enrolment, enrolled, *_state = json_blocks(section("## Enrolment"))
    assert enrolment.keys() == serializers.EnrollmentSerializer().fields.keys() - {"public_key"}
    assert enrolled.keys() == serializers.EnrolledSerializer().fields.keys() - {"server_public_key"}
    assert "`server_public_key`" in section("## Enrolment")


def test_limits_match_the_api():
    table = [row.split("|")[1:3] for row in section("## Transport").splitlines() if row.startswith("| `")]
    documented = {name: int(limit.split()[0]) for names, limit in table for name in re.findall(r"`(\w+)`", names)}
    assert documented.pop("message") * 1024 == MAX_MESSAGE_BYTES
    kinds = (serializers.EnrollmentSerializer, serializers.ReplacedPushTokenSerializer, serializers.OtpSerializer)
    fields = {name: field for kind in kinds for name, field in kind().fields.items()}
    texts = {name: field.max_length for name, field in fields.items() if getattr(field, "max_length", None)}
    # The page describes the limit of a certificate with its other limits, and an id is not chosen by the device.
    assert documented == {name: limit for name, limit in texts.items() if name not in {"public_key", "profile_id"}}


def shape(value):
    return {name: shape(member) for name, member in value.items()} if isinstance(value, dict) else type(value)


def test_push_examples_have_exactly_the_members_that_are_sent():
    apple, google = json_blocks(section("## Push"))
    message = PushMessage(
        token="token", text="Sign in?", transaction_id="id", profile_id="A1B2C3", expires_at=timezone.now(), badge=1
    )
    assert shape(apple) == shape(apns.build_payload(Destination(PushMessagingConfiguration()), message, "Sign in?"))
    sent = fcm.build_data(message, "Sign in?")
    assert shape(google["data"]) == shape(sent)
    assert json.loads(google["data"]["content"]).keys() == json.loads(sent["content"]).keys()
