"""Members that contain credentials."""

import json
import re
from datetime import datetime
from typing import Any, cast

from django.core.exceptions import ValidationError
from django.db.models import Model
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.applications.models import MAX_ACTIVE_SECRETS, SECRET_PURPOSE, ApiClient
from apps.callbacks import signatures
from apps.callbacks.models import CallbackEndpoint
from apps.common import codes, encryption
from apps.common.encryption import CannotDecrypt
from apps.common.names import credential_validator
from apps.configuration.environment import parse_variable
from apps.configuration.members import Member, RowLookup, SecretText, parse_text, read_entries
from apps.configuration.problems import InvalidValue, invalid_value
from apps.push import apple_credentials, service_accounts
from apps.push.models import PushMessagingConfiguration
from apps.push.providers.web_push import vapid

HASH = re.compile(r"[0-9a-f]{8}:[0-9a-f]{64}")


class ServiceAccount(Member):
    """Google service account, as an object or as the text of its key file."""

    expected = gettext_lazy("Must be a service account: an object, or the text of its key file.")
    secret = True

    def read(self, value: object, row: Model, lookup: RowLookup) -> dict[str, Any]:
        if not isinstance(value, str | dict):
            raise self.type_error()
        try:
            info = service_accounts.parse(value) if isinstance(value, str) else service_accounts.validate(value)
        except ValidationError as error:
            raise invalid_value(error) from None
        try:
            row._meta.get_field("project_id").clean(info["project_id"], row)  # type: ignore[union-attr]
        except ValidationError:
            text = _("The service account's “project_id” is not the name of a Google project.")
            raise InvalidValue(("", text)) from None
        return info

    def current(self, row: Model) -> dict[str, Any] | None:
        try:
            return self.export(row)
        except (ValueError, CannotDecrypt):
            return None

    def assign(self, row: Model, value: dict[str, Any]) -> bool:
        if self.current(row) == value:
            return False
        configuration = cast(PushMessagingConfiguration, row)
        configuration.service_account, configuration.project_id = json.dumps(value), value["project_id"]
        return True

    def export(self, row: Model) -> dict[str, Any]:
        return cast(PushMessagingConfiguration, row).service_account_info


class SigningKey(SecretText):
    """Apple signing key (.p8) as PEM. It replaces a certificate."""

    def validate(self, value: str, row: Model, subpath: str = "") -> str:
        try:
            return apple_credentials.validate_signing_key(value) if value.strip() else ""
        except ValidationError as error:
            raise invalid_value(error, subpath) from None

    def assign(self, row: Model, value: str) -> bool:
        if value:
            cast(PushMessagingConfiguration, row).certificate_expires_at = None
        return super().assign(row, value)


class Certificate(SecretText):
    """Certificate and its key as PEM. It replaces a signing key."""

    def validate(self, value: str, row: Model, subpath: str = "") -> tuple[str, datetime | None]:
        try:
            return apple_credentials.validate_certificate(value) if value.strip() else ("", None)
        except ValidationError as error:
            raise invalid_value(error, subpath) from None

    def assign(self, row: Model, value: tuple[str, datetime | None]) -> bool:
        content, expires_at = value
        cast(PushMessagingConfiguration, row).certificate_expires_at = expires_at
        return super().assign(row, content)


class VapidPrivateKey(SecretText):
    """Private key of Web Push, as PEM or as the base64url text of its 32 bytes."""

    def validate(self, value: str, row: Model, subpath: str = "") -> str:
        try:
            return vapid.validate_private_key(value) if value.strip() else ""
        except ValidationError as error:
            raise invalid_value(error, subpath) from None

    def assign(self, row: Model, value: str) -> bool:
        cast(PushMessagingConfiguration, row).vapid_public_key = vapid.public_key(value) if value else ""
        return super().assign(row, value)


class ServerKey(SecretText):
    """Credential of a legacy FCM gateway. It is sent unchanged in a header."""

    def validate(self, value: str, row: Model, subpath: str = "") -> str:
        key = value.strip()
        if not key.isascii() or not key.isprintable():
            raise InvalidValue((subpath, _("Not a server key: it must be one line of printable ASCII characters.")))
        return key


def secret_list(value: object) -> list[Any]:
    """Return a list of at most two secrets. During a rotation, two secrets are active."""
    value = parse_variable(value) if str(value).startswith("[") else value
    entries = value if isinstance(value, list) else [value]
    if len(entries) > MAX_ACTIVE_SECRETS:
        raise InvalidValue(("", _("At most %(count)d secrets can be active at once.") % {"count": MAX_ACTIVE_SECRETS}))
    return entries


def _client_secret_list(value: object) -> list[Any]:
    """Return a list of one or two secrets. A client without a secret cannot be used."""
    entries = secret_list(value)
    if not entries:
        raise InvalidValue(("", _("A client must have at least one secret.")))
    return entries


class ClientSecret(Member):
    """Secret of an API client, or a list of two. Only hashes are stored, so it is never exported."""

    exported = False

    def is_required(self, model: type[Model]) -> bool:
        return True

    def read(self, value: object, row: Model, lookup: RowLookup) -> list[str]:
        entries = _client_secret_list(value)
        if not all(entries):
            raise InvalidValue(("", _("A secret must not be empty.")))
        is_list = isinstance(value, list)
        return read_entries(entries, lambda number, entry: _validate_secret(entry, f"[{number}]" if is_list else ""))

    def assign(self, row: Model, value: list[str]) -> bool:
        client = cast(ApiClient, row)
        return super().assign(row, [_hash_secret(secret, client.secret_hashes) for secret in value])


def _validate_secret(value: object, subpath: str) -> str:
    """Return a secret. Raises InvalidValue if a portal could not send it."""
    secret = parse_text(value, subpath)
    try:
        credential_validator(secret)
    except ValidationError as error:
        raise invalid_value(error, subpath) from None
    return secret


def _hash_secret(secret: str, stored: list[str]) -> str:
    """Return the stored hash of this secret, also of an older key. Without one, return a new hash."""
    matching = [stored_hash for stored_hash in stored if codes.matches(secret, SECRET_PURPOSE, [stored_hash])]
    return matching[0] if matching else codes.keyed_hash(secret, SECRET_PURPOSE)


class ClientSecretHash(Member):
    """Hash of a secret, or a list of two. An export contains it instead of `client_secret`."""

    secret = True

    def is_required(self, model: type[Model]) -> bool:
        return False

    def read(self, value: object, row: Model, lookup: RowLookup) -> list[str]:
        stored = cast(ApiClient, row).secret_hashes
        is_list = isinstance(value, list)
        return read_entries(
            _client_secret_list(value),
            lambda number, entry: _validate_hash(entry, stored, f"[{number}]" if is_list else ""),
        )

    def is_exported(self, row: Model) -> bool:
        """Return True if the client has a secret. An import would reject an empty list."""
        return bool(cast(ApiClient, row).secret_hashes)

    def export(self, row: Model) -> str | list[str]:
        hashes = cast(ApiClient, row).secret_hashes
        return str(hashes[0]) if len(hashes) == 1 else list(hashes)


def _validate_hash(value: object, stored: list[str], subpath: str) -> str:
    """Return a hash. Raises InvalidValue if the key that made it is not in FIELD_ENCRYPTION_KEYS."""
    secret_hash = parse_text(value, subpath)
    if not HASH.fullmatch(secret_hash):
        raise InvalidValue((subpath, _("Must be a hash from export_configuration --with-secrets.")))
    if secret_hash not in stored and secret_hash[:8] not in {key.identifier for key in encryption.key_ring()}:
        raise InvalidValue((subpath, _("The key of this hash is not in FIELD_ENCRYPTION_KEYS.")))
    return secret_hash


class SigningSecrets(SecretText):
    """Signing secret of callbacks, or a list of two, newest first. If it is empty, callbacks are not signed."""

    def read(self, value: object, row: Model, lookup: RowLookup) -> str:
        entries = secret_list(value)
        if entries in ([], [""]):
            return ""
        is_list = isinstance(value, list)
        validated = read_entries(
            entries, lambda number, entry: self.validate(entry, row, f"[{number}]" if is_list else "")
        )
        return "\n".join(dict.fromkeys(validated))

    def validate(self, value: object, row: Model, subpath: str = "") -> str:
        try:
            return signatures.validate_secret(parse_text(value, subpath))
        except ValidationError as error:
            raise invalid_value(error, subpath) from None

    def export(self, row: Model) -> str | list[str]:
        active = cast(CallbackEndpoint, row).active_signing_secrets
        return active if len(active) > 1 else "".join(active)
