from collections import Counter
from collections.abc import Iterator
from typing import Any

from django.core.management.base import CommandError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.common.commands import DataCommand, terminal_safe
from apps.common.findings import Finding, Level
from apps.configuration import checks


class Command(DataCommand):
    help = gettext_lazy(
        "Test all credentials and connections, and report errors with fixes. No messages are sent to users. "
        "The exit code is 1 if there are errors; warnings do not change it."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        findings = checks.check()
        counts = self._print_json(findings) if options["json"] else self._print_lines(findings)
        if counts[Level.ERROR]:
            raise CommandError(_("The check found errors (%(counts)s).") % {"counts": _summary(counts)})

    def _print_json(self, findings: Iterator[Finding]) -> Counter[Level]:
        all_findings = list(findings)
        self.print_table([_as_data(finding) for finding in all_findings], as_json=True)
        return Counter(finding.level for finding in all_findings)

    def _print_lines(self, findings: Iterator[Finding]) -> Counter[Level]:
        counts = Counter[Level]()
        for finding in findings:
            # Immediately, because the next check can wait for a timeout.
            self.stdout.write(_format_finding(finding))
            self.stdout.flush()
            counts[finding.level] += 1
        if not counts:
            self.stdout.write(
                _(
                    "Nothing is configured yet: there is no push messaging configuration and no type that sends text "
                    "messages. Add them in the console or with import_configuration."
                )
            )
        elif not counts[Level.ERROR]:
            self.stdout.write(_("No errors (%(counts)s).") % {"counts": _summary(counts)})
        return counts


def _as_data(finding: Finding) -> dict[str, str]:
    return {
        "level": finding.level.value,
        "about": finding.about,
        "text": finding.text,
        "remedy": finding.remedy,
    }


def _format_finding(finding: Finding) -> str:
    return terminal_safe(f"{finding.level.value:<8} {finding.about}: {finding.text} {finding.remedy}".rstrip())


def _summary(counts: Counter[Level]) -> str:
    return ", ".join(f"{level.value}: {counts[level]}" for level in reversed(Level) if counts[level])
