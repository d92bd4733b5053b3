"""The address of the geolocation service: what may be configured, and what is asked for."""

import re
from difflib import get_close_matches
from urllib.parse import quote, urlsplit

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from apps.common.urls import is_http_url

PLACEHOLDERS = ("{key}", "{ip}")
BRACES = re.compile(r"\{[^{}]*\}")


def validate(url: str, *, has_key: bool) -> None:
    """Refuse an address that cannot be asked; ValidationError of the field `url`, or of `key`."""
    problem = _format_problem(url) or _placeholder_problem(url, has_key)
    if problem:
        raise ValidationError({"url": problem})
    if "{key}" in url and not has_key:
        raise ValidationError({"key": _("The URL has a place for a key, so enter one.")})


def _format_problem(url: str) -> str:
    if not is_http_url(url):
        return _("Enter an absolute URL that begins with http:// or https://.")
    parts = urlsplit(url)
    if "@" in parts.netloc:
        return _("The address cannot hold a user name or a password, which everybody would see. Use the key.")
    if "#" in url:
        return _("The address cannot hold a “#”: what follows it is never sent.")
    if any(sign in parts.netloc for sign in "{}"):
        return _("Places can stand in the path and in the query only.")
    return ""


def _placeholder_problem(url: str, has_key: bool) -> str:
    for braces in BRACES.findall(url):
        if braces not in PLACEHOLDERS:
            nearest = get_close_matches(braces.lower(), PLACEHOLDERS, n=1, cutoff=0) or PLACEHOLDERS
            return _("There is no place %(name)s. Did you mean %(nearest)s?") % {"name": braces, "nearest": nearest[0]}
    if "{ip}" in url:
        unused = has_key and "{key}" not in url
        return _("A key is stored, but the address has no place {key} for it.") if unused else ""
    if "{key}" in url:
        return _("The address has a place {key}, so it needs a place {ip}, too.")
    if "?" in url:
        return _("An address with a query needs the place {ip}, and {key} if the service wants a key.")
    return ""


def build_url(url: str, key: str, ip: str) -> str:
    """Return the address to ask about an IP address."""
    if "{ip}" not in url:
        # As the Onegini Token Server's service wants it.
        url = "/".join([url.rstrip("/"), *(["{key}"] if key else []), "{ip}"])
    values = {"{key}": quote(key, safe=""), "{ip}": quote(ip, safe="")}
    return BRACES.sub(lambda match: values.get(match[0], match[0]), url)
