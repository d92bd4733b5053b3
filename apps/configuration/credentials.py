"""Members that hold credentials or texts with rules of their own."""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.applications.models import MAX_LIVE_SECRETS, SECRET_PURPOSE, ApiClient
from apps.common import codes, encryption
from apps.common.encryption import CannotDecrypt
from apps.configuration.environment import structured
from apps.configuration.members import Known, Member, SecretText, collect, text
from apps.configuration.problems import Misread, misread
from apps.push import apple_credentials, service_accounts
from apps.push.models import PushMessagingConfiguration
from apps.transactions import messages
from apps.transactions.parameters import LANGUAGE

HASH = re.compile(r"[0-9a-f]{8}:[0-9a-f]{64}")


class ServiceAccount(Member):
    """A Google service account, as an object or as the text of its key file."""

    expected = gettext_lazy("Must be the service account as an object, or the text of its key file.")
    secret = True

    def read(self, value: object, row: Model, known: Known) -> dict[str, Any]:
        if not isinstance(value, str | dict):
            raise self.wrong_type()
        try:
            info = service_accounts.parse(value) if isinstance(value, str) else service_accounts.check(value)
        except ValidationError as error:
            raise misread(error) from None
        try:
            row._meta.get_field("project_id").clean(info["project_id"], row)  # type: ignore[union-attr]
        except ValidationError:
            text = _("The service account's “project_id” is not the name of a Google project.")
            raise Misread(("", text)) from None
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
    """Apple's key (.p8) as PEM. Where a certificate was used before, it takes its place."""

    def judge(self, value: str, row: Model, place: str = "") -> str:
        try:
            return apple_credentials.check_signing_key(value) if value.strip() else ""
        except ValidationError as error:
            raise misread(error, place) from None

    def assign(self, row: Model, value: str) -> bool:
        if value:
            cast(PushMessagingConfiguration, row).certificate_expires_at = None
        return super().assign(row, value)


class Certificate(SecretText):
    """A certificate and its key as PEM. Where a signing key was used before, it takes its place."""

    def judge(self, value: str, row: Model, place: str = "") -> tuple[str, datetime | None]:
        try:
            return apple_credentials.check_certificate(value) if value.strip() else ("", None)
        except ValidationError as error:
            raise misread(error, place) from None

    def assign(self, row: Model, value: tuple[str, datetime | None]) -> bool:
        content, expires_at = value
        cast(PushMessagingConfiguration, row).certificate_expires_at = expires_at
        return super().assign(row, content)


class ServerKey(SecretText):
    """What a legacy FCM gateway asks for. It goes into a header as it is."""

    def judge(self, value: str, row: Model, place: str = "") -> str:
        found = value.strip()
        if not found.isascii() or not found.isprintable():
            raise Misread((place, _("This is not a server key: it is one line of letters, digits and signs.")))
        return found


def one_or_two(value: object) -> list[Any]:
    """Return a list of at most two: a client has a second secret while it changes from one to the other."""
    value = structured(value) if str(value).startswith("[") else value
    entries = value if isinstance(value, list) else [value]
    if len(entries) > MAX_LIVE_SECRETS:
        raise Misread(("", _("At most %(count)d can be live at once.") % {"count": MAX_LIVE_SECRETS}))
    return entries


class ClientSecret(Member):
    """A client's secret, or a list of two. Only hashes are kept, so it is never exported."""

    exported = False

    def is_required(self, model: type[Model]) -> bool:
        return True

    def read(self, value: object, row: Model, known: Known) -> list[str]:
        entries = one_or_two(value)
        if not all(entries):
            raise Misread(("", _("A secret cannot be empty.")))
        many = isinstance(value, list)
        return collect(entries, lambda number, entry: text(entry, f"[{number}]" if many else ""))

    def assign(self, row: Model, value: list[str]) -> bool:
        client = cast(ApiClient, row)
        return super().assign(row, [_hash(secret, client.secret_hashes) for secret in value])


def _hash(secret: str, stored: list[str]) -> str:
    """Return the stored hash of this secret, also under an older key, or a new one."""
    known = [known for known in stored if codes.matches(secret, SECRET_PURPOSE, [known])]
    return known[0] if known else codes.keyed_hash(secret, SECRET_PURPOSE)


class ClientSecretHash(Member):
    """What an export holds in place of `client_secret`."""

    secret = True

    def is_required(self, model: type[Model]) -> bool:
        return False

    def read(self, value: object, row: Model, known: Known) -> list[str]:
        stored = cast(ApiClient, row).secret_hashes
        many = isinstance(value, list)
        return collect(one_or_two(value), lambda number, entry: _live(entry, stored, f"[{number}]" if many else ""))

    def export(self, row: Model) -> str | list[str]:
        hashes = cast(ApiClient, row).secret_hashes
        return str(hashes[0]) if len(hashes) == 1 else list(hashes)


def _live(value: object, stored: list[str], place: str) -> str:
    """Return a hash that a secret can still match: one that was made under a key which this server has."""
    found = text(value, place)
    if not HASH.fullmatch(found):
        raise Misread((place, _("Must be a hash as export_configuration --with-secrets writes it.")))
    if found not in stored and found[:8] not in {key.identifier for key in encryption.key_ring()}:
        raise Misread((place, _("This hash was made under a key that FIELD_ENCRYPTION_KEYS lacks.")))
    return found


class TextByLanguage(Member):
    """Texts by language code, each within the limit for messages."""

    expected = gettext_lazy("Must be a mapping of language codes to texts.")

    def typed(self, value: object) -> dict[str, str]:
        value = structured(value)
        if not isinstance(value, dict):
            raise self.wrong_type()
        return dict(collect(list(value.items()), lambda _number, entry: self._text(*entry)))

    def _text(self, language: object, value: object) -> tuple[str, str]:
        place = f".{language}"
        if not isinstance(language, str) or not LANGUAGE.fullmatch(language):
            raise Misread((place, _("This is not a language code.")))
        found, limit = text(value, place), settings.MESSAGE_MAX_LENGTH
        if len(messages.clean(found)) > limit:
            raise Misread((place, _("A message has at most %(limit)d characters.") % {"limit": limit}))
        return language, found

    def export(self, row: Model) -> dict[str, str]:
        texts: Mapping[str, str] = getattr(row, self.field)
        return dict(sorted(texts.items()))
