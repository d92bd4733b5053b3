"""Strict parsers of request bodies, which reject repeated fields and members."""

import json
from collections.abc import Mapping
from typing import IO, Any
from urllib.parse import parse_qsl

from django.http.request import RawPostDataException
from django.utils.translation import gettext as _
from rest_framework.parsers import BaseParser
from rest_framework.request import Request

from apps.common import errors

MAX_BODY_BYTES = 200 * 1024
MAX_FIELDS = 100
CREDENTIALS = ("client_id=", "client_secret=")


def _read(stream: IO[bytes]) -> str:
    try:
        body = stream.read(MAX_BODY_BYTES + 1)
    except RawPostDataException:
        body = b""
    if len(body) > MAX_BODY_BYTES:
        raise errors.RequestTooLarge
    return body.decode("utf-8")


class Form(dict[str, str]):
    """Fields of a form, with its first error. The error is raised after the API client is authenticated."""

    problem: errors.InvalidParameter | None = None


class StrictFormParser(BaseParser):
    """Parser of `application/x-www-form-urlencoded` in UTF-8. An empty field counts as absent."""

    media_type = "application/x-www-form-urlencoded"

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Form:
        form, repeated = Form(), ""
        try:
            fields, is_too_long = _limit_fields(_read(stream))
            pairs = parse_qsl(fields, keep_blank_values=True, errors="strict")
        except ValueError:
            form.problem = errors.InvalidParameter(_("The body is not a form in UTF-8."))
            return form
        for name, value in pairs:
            if name in form:
                repeated = repeated or name[:50]
            form.setdefault(name, value)
        if is_too_long:
            text = _("The body has more than %(limit)d parameters.") % {"limit": MAX_FIELDS}
            form.problem = errors.InvalidParameter(text)
        elif repeated:
            form.problem = errors.InvalidParameter(
                _("The parameter %(name)s is given more than once.") % {"name": repeated}
            )
        for name in [name for name, value in form.items() if not value]:
            del form[name]
        return form


def _limit_fields(body: str) -> tuple[str, bool]:
    """Return the fields within the limit, and True if there are more. Credentials are read at any position."""
    fields = body.split("&")
    rest = [field for field in fields[MAX_FIELDS:] if field.startswith(CREDENTIALS)]
    return "&".join(fields[:MAX_FIELDS] + rest), len(fields) > MAX_FIELDS


def fields(request: Request) -> Mapping[str, Any]:
    """Return the fields or members of the body. Raises InvalidParameter if it is an invalid form."""
    data: Mapping[str, Any] = request.data
    if isinstance(data, Form) and data.problem:
        raise data.problem
    return data


class StrictJsonParser(BaseParser):
    """Parser of `application/json` that requires an object without repeated members."""

    media_type = "application/json"

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        try:
            document = json.loads(_read(stream), object_pairs_hook=_reject_duplicates, parse_constant=_reject_constant)
        except (ValueError, RecursionError):
            raise errors.InvalidRequest(_("The body is not valid JSON.")) from None
        if not isinstance(document, dict):
            raise errors.InvalidRequest(_("The body must be a JSON object."))
        return document


def _reject_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise errors.InvalidRequest(_("A member of the JSON object is given more than once."))
    return members


def _reject_constant(name: str) -> Any:
    raise ValueError(name)
