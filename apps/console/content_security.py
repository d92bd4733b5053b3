"""The content security policy of every HTML page: nothing from elsewhere, and no script but from files of ours."""

from csp.constants import NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE
from csp.middleware import CSPMiddleware, PolicyParts
from django.http import HttpRequest
from django.http.response import HttpResponseBase

POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        # The console's theme is a style element, and its pages and the API's have style attributes.
        "style-src": [SELF, UNSAFE_INLINE],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}


class ContentSecurityMiddleware(CSPMiddleware):
    """Sends the policy with HTML only: answers of the APIs are rendered by nobody."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if not response.headers.get("Content-Type", "").startswith("text/html"):
            return response
        return super().process_response(request, response)

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        """Alpine.js, with which the console's pages work, makes functions of the texts in their attributes."""
        parts = super().get_policy_parts(request, response, report_only)
        if request.path.startswith("/admin"):
            parts.update = {"script-src": [UNSAFE_EVAL]}
        return parts
