"""Parser of JSON bodies as forms: some clients send the parameters of OAuth 2.0 as JSON."""

import json
from collections.abc import Mapping
from typing import IO, Any

from apps.api.parsers import Form, StrictFormParser, StrictJsonParser
from apps.common import errors
from apps.common.input_text import is_unicode


class JsonFormParser(StrictFormParser):
    """Parser of a JSON object whose members are the parameters of a form.

    Numbers count as their digits, arrays and objects as their JSON text, and null as absent.
    """

    media_type = "application/json"

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Form:
        form = Form()
        try:
            members = StrictJsonParser().parse(stream, media_type, parser_context)
        except errors.InvalidRequest as error:
            form.problem = errors.InvalidParameter(error.text)
            return form
        for name, value in members.items():
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            if not is_unicode(name + text):
                form.problem = errors.InvalidParameter("The body is not valid Unicode.")
            elif value is not None and text:
                form[name] = text
        return form
