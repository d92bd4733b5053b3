"""Console page “Check configuration”."""

from time import monotonic
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from apps.common.console.documents import troubleshooting
from apps.common.findings import Finding, Level
from apps.configuration import checks

PAGE = "check_configuration"
# The permission to view the configuration. A check changes nothing.
PERMISSION = "system.view_features"
# No check starts after this time. A running check takes at most 20 seconds more, less than the timeout of a proxy.
TIME_LIMIT_SECONDS = 30
LEVELS = {
    Level.OK: (_("OK"), "check_circle"),
    Level.WARNING: (_("warning"), "warning"),
    Level.ERROR: (_("error"), "error"),
}


@require_http_methods(["GET", "POST"])
def check_configuration(request: HttpRequest) -> HttpResponse:
    """Describe the check on GET. Run it on POST, like the command of the same name, and show the findings."""
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    context = {
        **admin.site.each_context(request),
        "title": _("Check configuration"),
        "time_limit_seconds": TIME_LIMIT_SECONDS,
    }
    if request.method == "POST":
        context |= _run_checks()
    return TemplateResponse(request, "admin/configuration/check.html", context)


def _run_checks() -> dict[str, Any]:
    findings, is_complete = _collect_findings()
    return {
        "lines": [_finding_context(finding) for finding in findings],
        "error_count": sum(finding.level == Level.ERROR for finding in findings),
        "warning_count": sum(finding.level == Level.WARNING for finding in findings),
        "is_complete": is_complete,
    }


def _collect_findings() -> tuple[list[Finding], bool]:
    """Return the findings within the time limit, and True if all checks ran."""
    findings: list[Finding] = []
    started_at = monotonic()
    for finding in checks.check():
        findings.append(finding)
        if monotonic() - started_at >= TIME_LIMIT_SECONDS:
            return findings, False
    return findings, True


def _finding_context(finding: Finding) -> dict[str, Any]:
    label, icon = LEVELS[finding.level]
    documents = finding.documents
    if finding.level != Level.OK and not documents:
        documents = (troubleshooting("check-configuration"),)
    return {"finding": finding, "documents": documents, "level": finding.level.value, "label": label, "icon": icon}


def urls(guard: Any) -> list[Any]:
    return [path("check-configuration/", guard(check_configuration), name=PAGE)]
