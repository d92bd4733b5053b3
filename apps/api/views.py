"""What all API views share."""

from typing import Any
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.api.exceptions import NO_STORE
from apps.common.exceptions import FeatureDisabled
from apps.system import services as system


class ApiView(APIView):
    """Answers that nobody may keep, in the shape of the contract also when something goes wrong."""

    # OPTIONS is a wrong method like any other: what there is stands in the API's description.
    metadata_class = None

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        for name, value in NO_STORE.items():
            response.headers.setdefault(name, value)
        return super().finalize_response(request, response, *args, **kwargs)


def require_mobile_authentication() -> None:
    if not system.features().mobile_authentication:
        raise FeatureDisabled


def parse_uuid(text: str) -> UUID | None:
    """Return the id that a path names; None for what cannot be one, so that it is answered like an unknown one."""
    try:
        return UUID(text)
    except ValueError:
        return None
