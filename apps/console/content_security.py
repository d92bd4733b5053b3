"""Content security policy of all HTML pages: resources from this origin only, and no inline scripts."""

from csp.constants import NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE
from csp.middleware import CSPMiddleware, PolicyParts
from django.http import HttpRequest
from django.http.response import HttpResponseBase

POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        # The console's theme is a style element; pages of the console and of the API use style attributes.
        "style-src": [SELF, UNSAFE_INLINE],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}


class ContentSecurityMiddleware(CSPMiddleware):
    """Middleware that sends the policy with HTML responses only: no browser renders API responses."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if not response.headers.get("Content-Type", "").startswith("text/html"):
            return response
        return super().process_response(request, response)

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        """Allow eval for console pages: Alpine.js compiles the expressions in their attributes."""
        parts = super().get_policy_parts(request, response, report_only)
        if request.path.startswith("/admin"):
            parts.update = {"script-src": [UNSAFE_EVAL]}
        return parts
