"""docs/device-protocol.md and the server say the same."""

import ast
import inspect
import re
from pathlib import Path

from django.conf import settings

from apps.api.exceptions import status_of
from apps.common import errors

TEXT = (Path(settings.BASE_DIR) / "docs" / "device-protocol.md").read_text()
ROW = re.compile(r"^\| (\d{3}) \| `(\w+)` \| (\d*) ?\|", re.MULTILINE)


# What any call of any API can answer.
ANYWHERE = {
    errors.InternalError,
    errors.MethodNotAllowed,
    errors.RequestTooLarge,
    errors.ServiceUnavailable,
    errors.UnsupportedMediaType,
}


def device_errors():
    """Every error that the description of the device API names."""
    from apps.api.device import views

    names = {node.attr for node in ast.walk(ast.parse(inspect.getsource(views))) if isinstance(node, ast.Attribute)}
    kinds = (getattr(errors, name, None) for name in names)
    named = {kind for kind in kinds if isinstance(kind, type) and issubclass(kind, errors.ApiError)}
    return named - {errors.ApiError} | ANYWHERE


def test_the_table_of_errors_has_every_error_with_its_status_and_code():
    told = {(int(status), token, code) for status, token, code in ROW.findall(TEXT)}
    assert told == {(status_of(error), error.token, error.code) for error in device_errors()}


def test_every_call_of_the_device_api_is_on_the_page():
    from apps.api.device.urls import urlpatterns

    for route in urlpatterns:
        path = "/device/v1/" + re.sub(r"<str:(\w+)>", r"{\1}", str(route.pattern))
        assert path in TEXT, path
