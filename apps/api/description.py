"""Views of the OpenAPI description of all APIs and of the page that displays it."""

from functools import cache
from threading import Lock
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.utils import translation
from django.utils.translation import gettext as _
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiYamlRenderer
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularSwaggerSplitView
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.views import ApiView
from apps.common import errors

YAML, JSON = "yaml", "json"
CONTENT_TYPES = {YAML: "application/vnd.oai.openapi; charset=utf-8", JSON: "application/json; charset=utf-8"}
# In the order in which they are preferred, if the Accept header prefers none of them.
MEDIA_TYPES = {
    "application/vnd.oai.openapi": YAML,
    "application/yaml": YAML,
    "application/x-yaml": YAML,
    "text/yaml": YAML,
    "application/vnd.oai.openapi+json": JSON,
    "application/json": JSON,
}

# Without requests, credentials have no use: the buttons that take them are not displayed.
READ_ONLY = """{
  "deepLinking": true,
  "supportedSubmitMethods": [],
  "plugins": [() => ({wrapComponents: {authorizeBtn: () => () => null, authorizeOperationBtn: () => () => null}})]
}"""
# Requests go to the origin of the page, whose policy forbids others. They have no cookies. Without them, the browser
# does not ask for a password either if the response is 401.
TRY_IT_OUT = """{
  "deepLinking": true,
  "requestInterceptor": (request) => {
    const {pathname, search} = new URL(request.url, location.href);
    return {...request, url: location.origin + pathname + search, credentials: "omit"};
  }
}"""

_generation_lock = Lock()


class DescriptionView(ApiView):
    @extend_schema(exclude=True)
    def get(self, request: Request) -> HttpResponse:
        """Return the description in the language of the `lang` parameter, or of the request."""
        name = select_format(request)
        return HttpResponse(
            description(select_language(request.query_params.get("lang", "")), name),
            content_type=CONTENT_TYPES[name],
            headers={"Content-Disposition": f'inline; filename="Countersign.{name}"', "Vary": "Accept"},
        )


class DescriptionPageView(ApiView, SpectacularSwaggerSplitView):
    """Page that displays the description in a browser. It sends requests only if `API_TRY_IT_OUT` is on."""

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        response: Response = super().get(request, *args, **kwargs)  # type: ignore[no-untyped-call]
        if "settings" in response.data:
            response.data["settings"] = page_settings()
        return response


def page_settings() -> str:
    """Return the settings of Swagger UI as JavaScript. Without methods to submit, it has no "Try it out"."""
    return TRY_IT_OUT if settings.API_TRY_IT_OUT else READ_ONLY


def select_format(request: Request) -> str:
    """Return the format of the `format` parameter or of the Accept header; YAML by default."""
    name = request.query_params.get("format", "")
    if not name:
        return MEDIA_TYPES.get(request._request.get_preferred_type(list(MEDIA_TYPES)) or "", YAML)
    if name not in CONTENT_TYPES:
        raise errors.InvalidRequest(_("The parameter format must be json or yaml."))
    return str(name)


def select_language(code: str) -> str:
    """Return the supported variant of a language code, or the active language."""
    try:
        return translation.get_supported_language_variant(code)
    except LookupError:
        return translation.get_language()


def description(language_code: str, name: str) -> bytes:
    """Return the description in a format. Each process generates it once for each language and format."""
    with _generation_lock:
        return _generate(language_code, name)


@cache
def _generate(language_code: str, name: str) -> bytes:
    with translation.override(language_code):
        schema = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
        renderer = OpenApiJsonRenderer() if name == JSON else OpenApiYamlRenderer()
        return bytes(renderer.render(schema))
