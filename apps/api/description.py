"""Views of the OpenAPI description of all APIs and of the page that displays it."""

from functools import cache
from threading import Lock

from django.http import HttpResponse
from django.utils import translation
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiYamlRenderer
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularSwaggerSplitView
from rest_framework.request import Request

from apps.api.views import ApiView

_generation_lock = Lock()


class DescriptionView(ApiView):
    @extend_schema(exclude=True)
    def get(self, request: Request) -> HttpResponse:
        """Return the description in the language of the `lang` parameter, or of the request."""
        return HttpResponse(
            description(select_language(request.query_params.get("lang", ""))),
            content_type=f"{OpenApiYamlRenderer.media_type}; charset=utf-8",
            headers={"Content-Disposition": 'inline; filename="Countersign.yaml"'},
        )


class DescriptionPageView(ApiView, SpectacularSwaggerSplitView):
    """Page that displays the description in a browser."""


def select_language(code: str) -> str:
    """Return the supported variant of a language code, or the active language."""
    try:
        return translation.get_supported_language_variant(code)
    except LookupError:
        return translation.get_language()


def description(language_code: str) -> bytes:
    """Return the description as YAML. Each process generates it once for each language."""
    with _generation_lock:
        return _generate(language_code)


@cache
def _generate(language_code: str) -> bytes:
    with translation.override(language_code):
        schema = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
        return bytes(OpenApiYamlRenderer().render(schema))  # type: ignore[no-untyped-call]
