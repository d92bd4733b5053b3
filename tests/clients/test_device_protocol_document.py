"""docs/device-protocol.md matches the server."""

import ast
import inspect
import re
from pathlib import Path

from django.conf import settings

from apps.api.exceptions import status_of
from apps.common import errors

TEXT = (Path(settings.BASE_DIR) / "docs" / "device-protocol.md").read_text()
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
