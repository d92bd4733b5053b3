"""Encryption of single values at rest: AES-256-GCM, each value bound to its table, column and row.

A value that was copied into another row or column cannot be decrypted there. The newest key encrypts; all active keys
decrypt. Each value has its own key, derived for its table, column and row. One derived key encrypts only the few
versions of one value, so random nonces stay far below the limit of NIST SP 800-38D, 8.3 (2^32 uses of a key).
Stored form: `v2.<key id>.<base64 of nonce and ciphertext>`.
"""

import base64
import secrets
from dataclasses import dataclass
from functools import cached_property, lru_cache
from hashlib import sha256
from typing import Any, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand
from django.conf import settings
from django.db import models

NONCE_BYTES = 12


class CannotDecrypt(Exception):
    """The key of the value is not in FIELD_ENCRYPTION_KEYS, or the value belongs to another row."""


@dataclass(frozen=True)
class Key:
    """One of FIELD_ENCRYPTION_KEYS. Its identifier is part of every value that it encrypted."""

    material: bytes

    @cached_property
    def identifier(self) -> str:
        return sha256(b"key id" + self.material).hexdigest()[:8]

    @lru_cache  # noqa: B019 - a handful of keys live as long as the process
    def derive(self, purpose: str) -> bytes:
        """Return a 32-byte key for one purpose (HKDF, RFC 5869)."""
        return HKDF(SHA256(), 32, salt=None, info=purpose.encode()).derive(self.material)

    def cipher(self, context: str) -> AESGCM:
        """Return the cipher of the value with this context."""
        return AESGCM(HKDFExpand(SHA256(), 32, info=context.encode()).derive(self.derive("field")))


@lru_cache
def _ring(materials: tuple[bytes, ...]) -> list[Key]:
    return [Key(material) for material in materials]


def key_ring() -> list[Key]:
    """Return the active keys, newest first."""
    return _ring(tuple(settings.FIELD_ENCRYPTION_KEYS))


def encrypt(text: str, context: str) -> str:
    """Encrypt `text` so that it can be decrypted only with the same `context`."""
    key = key_ring()[0]
    nonce = secrets.token_bytes(NONCE_BYTES)
    ciphertext = key.cipher(context).encrypt(nonce, text.encode(), context.encode())
    return f"{prefix(key.identifier)}{base64.b64encode(nonce + ciphertext).decode()}"


def prefix(identifier: str) -> str:
    """Return the prefix of all values that are encrypted under this key."""
    return f"v2.{identifier}."


def decrypt(stored: str, context: str) -> str:
    """Decrypt a value. Raises CannotDecrypt if its key is not active or the context differs."""
    for key in key_ring():
        if stored.startswith(prefix(key.identifier)):
            try:
                raw = base64.b64decode(stored.rpartition(".")[2], validate=True)
                text = key.cipher(context).decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], context.encode())
                return text.decode()
            except (InvalidTag, ValueError):
                break
    raise CannotDecrypt(f"cannot decrypt {context.partition(':')[0]}: its key is not in FIELD_ENCRYPTION_KEYS")


class Ciphertext(str):
    """Encrypted text as stored in the database."""

    __slots__ = ()


class EncryptedAttribute:
    """Attribute that decrypts on access, so that a listed row does not hold its secrets in memory."""

    def __init__(self, field: "EncryptedTextField") -> None:
        self.field = field

    def __get__(self, instance: models.Model | None, owner: type[models.Model]) -> str | Self:
        if instance is None:
            return self
        name = self.field.attname
        if name not in instance.__dict__:
            instance.refresh_from_db(fields=[name])
        value: str = instance.__dict__[name]
        if isinstance(value, Ciphertext):
            return decrypt(value, self.field.context(instance)) if value else ""
        return value

    def __set__(self, instance: models.Model, value: str) -> None:
        instance.__dict__[self.field.attname] = value


class EncryptedTextField(models.TextField):  # type: ignore[type-arg]
    """Text field that is encrypted in the database. The row must have its primary key before it is saved (a UUID)."""

    def context(self, instance: models.Model) -> str:
        return self.context_of(instance.pk)

    def context_of(self, pk: Any) -> str:
        return f"{self.model._meta.db_table}.{self.column}:{pk}"

    def contribute_to_class(self, cls: type[models.Model], name: str, private_only: bool = False) -> None:
        super().contribute_to_class(cls, name, private_only)
        setattr(cls, self.attname, EncryptedAttribute(self))

    def from_db_value(self, value: str | None, _expression: Any, _connection: Any) -> str | None:
        return None if value is None else Ciphertext(value)

    def pre_save(self, model_instance: models.Model, add: bool) -> str:
        value: str = model_instance.__dict__[self.attname]
        if isinstance(value, Ciphertext) or not value:
            return Ciphertext(value)
        return Ciphertext(encrypt(value, self.context(model_instance)))

    def get_prep_value(self, value: Any) -> Any:
        if value and not isinstance(value, Ciphertext):
            raise TypeError(f"{self.name} is encrypted: set it on a row and save the row")
        return value

    def value_from_object(self, obj: models.Model) -> str:
        value: str = getattr(obj, self.attname)
        return value
