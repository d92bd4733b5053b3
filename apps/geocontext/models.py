from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.common.encryption import EncryptedTextField
from apps.common.short_cache import CachedSingleton
from apps.common.urls import MAX_URL_CHARACTERS
from apps.geocontext import service_url, templates
from apps.geocontext.locations import MAX_VALUE_CHARACTERS, Location

KEY_CHARACTERS = 80


class Geolocation(CachedSingleton):
    """Geolocation service (HTTP). Without a URL, the location database is used."""

    url = models.CharField(
        _("URL"),
        max_length=MAX_URL_CHARACTERS,
        blank=True,
        default="",
        help_text=_(
            "URL of the HTTP service, with the placeholders {key} and {ip}. Without placeholders, /KEY/IP is appended. "
            "Empty: the location database in the environment variable GEOCONTEXT_DATABASE is used."
        ),
    )
    key = EncryptedTextField(_("key"), blank=True, default="", max_length=1000)

    class Meta:
        verbose_name = _("geolocation")

    def __str__(self) -> str:
        return str(self._meta.verbose_name)

    @property
    def has_key(self) -> bool:
        """Return True if a key is stored. Nothing is decrypted."""
        return bool(self.__dict__.get("key"))

    def clean(self) -> None:
        if self.url:
            service_url.validate(self.url, has_key=self.has_key)


def validate_texts(texts: Any) -> None:
    if not isinstance(texts, dict) or not all(isinstance(text, str) for text in texts.values()):
        raise ValidationError(_("Must be a mapping of language codes to texts."))
    for text in texts.values():
        templates.validate(text)


def default_texts() -> dict[str, str]:
    return {"en": templates.DEFAULT}


class ConfirmationTemplate(CachedSingleton):
    """Templates of secure messages with context, by language code. There is always an English template."""

    texts = models.JSONField(_("texts"), default=default_texts, validators=[validate_texts])

    class Meta:
        verbose_name = _("confirmation template")

    def __str__(self) -> str:
        return str(self._meta.verbose_name)

    def with_texts(self, changes: dict[str, str]) -> dict[str, str]:
        """Return the texts with some changes. An empty text is removed; an empty English text becomes the default."""
        texts = {**self.texts, **changes}
        return {**default_texts(), **{code: text for code, text in texts.items() if text.strip()}}


class LocatedAddress(models.Model):
    """Location of an address, cached for a day. Only a keyed hash of the address is stored."""

    key = models.CharField(_("key"), max_length=KEY_CHARACTERS, primary_key=True)
    country_code = models.CharField(_("country code"), max_length=MAX_VALUE_CHARACTERS)
    region = models.CharField(_("region"), max_length=MAX_VALUE_CHARACTERS, blank=True)
    city = models.CharField(_("city"), max_length=MAX_VALUE_CHARACTERS, blank=True)
    located_at = models.DateTimeField(_("located"), db_index=True)

    class Meta:
        verbose_name = _("located address")

    def __str__(self) -> str:
        return self.key

    @property
    def location(self) -> Location:
        return Location(self.country_code, self.region, self.city)
