import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.common.commands import DataCommand
from apps.common.encryption import CannotDecrypt
from apps.events.audit import exports, keys
from apps.events.audit.file_verification import FileVerification
from apps.events.audit.verification import Verification

HEAD = re.compile(r"([0-9]{1,18}):([0-9a-f]{64})")


class Command(DataCommand):
    help = gettext_lazy(
        "Verify that no event of the audit log was changed, deleted or inserted. With --file, verify an exported file "
        "and compare it with the database. Changes nothing. The exit code is 1 if there are problems."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--file", metavar="FILE", help=_("an exported file (.csv or .jsonl)"))
        text = _("the head of an earlier verification or of the worker's log, which must still be in the chain")
        parser.add_argument("--expect", metavar="NUMBER:DIGEST", help=text)

    def handle(self, *args: Any, **options: Any) -> None:
        if options["file"]:
            self._verify_file(options["file"], as_json=options["json"])
        else:
            self._verify_database(_parse_head(options["expect"]), as_json=options["json"])

    def _verify_database(self, expected: tuple[int, str] | None, *, as_json: bool) -> None:
        verification = Verification(expected)
        count = self._print_problems(verification.problems())
        data = {
            "blocks": verification.blocks,
            "sealed_events": verification.events,
            "purged_events": verification.purged,
            "unsealed_events": verification.unsealed,
            "head": verification.head,
            "problems": count,
        }
        self._finish(data, count, as_json=as_json)

    def _verify_file(self, name: str, *, as_json: bool) -> None:
        file_format = Path(name).suffix.removeprefix(".")
        if file_format not in exports.FORMATS:
            raise CommandError(_("The name of the file must end in .csv or .jsonl."))
        try:
            verification = FileVerification(keys.load())
            with Path(name).open(encoding="utf-8", newline="") as stream:
                count = self._print_problems(verification.problems(stream, file_format))
        except CannotDecrypt:
            raise CommandError(
                _("The audit key cannot be decrypted. Set the FIELD_ENCRYPTION_KEYS of this database.")
            ) from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise CommandError(
                _("The file %(name)s cannot be read: %(reason)s.") % {"name": name, "reason": reason}
            ) from None
        data = {
            "events": verification.events,
            "exported_at": verification.exported_at,
            "head": verification.head,
            "problems": count,
        }
        self._finish(data, count, as_json=as_json)

    def _print_problems(self, problems: Iterable[str]) -> int:
        count = 0
        for count, problem in enumerate(problems, 1):  # noqa: B007 - the number of the last one
            self.stderr.write(problem)
        return count

    def _finish(self, data: dict[str, Any], count: int, *, as_json: bool) -> None:
        self.print_data(data, as_json=as_json)
        if count:
            raise CommandError(_("The audit log has problems: %(count)d.") % {"count": count})


def _parse_head(text: str | None) -> tuple[int, str] | None:
    if text is None:
        return None
    match = HEAD.fullmatch(text)
    if match is None:
        raise CommandError(_("--expect must be NUMBER:DIGEST, as printed as head."))
    return int(match[1]), match[2]
