"""URL of the geolocation service: validation of the configured URL, and the URL of a request."""

import re
from difflib import get_close_matches
from urllib.parse import quote, urlsplit

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from apps.common.urls import is_http_url

PLACEHOLDERS = ("{key}", "{ip}")
BRACES = re.compile(r"\{[^{}]*\}")


def validate(url: str, *, has_key: bool) -> None:
    """Validate the configured URL. Raises ValidationError for the field `url` or `key`."""
    problem = _format_problem(url) or _placeholder_problem(url, has_key)
    if problem:
        raise ValidationError({"url": problem})
    if "{key}" in url and not has_key:
        raise ValidationError({"key": _("The URL has the placeholder {key}, so a key is required.")})


def _format_problem(url: str) -> str:
    if not is_http_url(url):
        return _("Enter an absolute URL that begins with http:// or https://.")
    parts = urlsplit(url)
    if "@" in parts.netloc:
        return _("The URL must not contain a user name or a password, which would be visible. Use the key.")
    if "#" in url:
        return _("The URL must not contain “#”: a fragment is never sent.")
    if any(sign in parts.netloc for sign in "{}"):
        return _("Placeholders are permitted only in the path and in the query.")
    return ""


def _placeholder_problem(url: str, has_key: bool) -> str:
    for braces in BRACES.findall(url):
        if braces not in PLACEHOLDERS:
            nearest = get_close_matches(braces.lower(), PLACEHOLDERS, n=1, cutoff=0) or PLACEHOLDERS
            text = _("Unknown placeholder %(name)s. Did you mean %(nearest)s?")
            return text % {"name": braces, "nearest": nearest[0]}
    if "{ip}" in url:
        unused = has_key and "{key}" not in url
        return _("A key is stored, but the URL lacks the placeholder {key}.") if unused else ""
    if "{key}" in url:
        return _("A URL with the placeholder {key} requires the placeholder {ip}.")
    if "?" in url:
        return _("A URL with a query requires the placeholder {ip}, and {key} if the service requires a key.")
    return ""


def build_url(url: str, key: str, ip: str) -> str:
    """Return the URL of the request for an IP address."""
    if "{ip}" not in url:
        # The format of the Onegini Token Server.
        url = "/".join([url.rstrip("/"), *(["{key}"] if key else []), "{ip}"])
    values = {"{key}": quote(key, safe=""), "{ip}": quote(ip, safe="")}
    return BRACES.sub(lambda match: values.get(match[0], match[0]), url)
