import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.common.commands import DataCommand
from apps.common.encryption import CannotDecrypt
from apps.events.audit import exports, keys
from apps.events.audit.file_verification import FileVerification
from apps.events.audit.verification import Verification
from apps.events.models import AuditVerification

HEAD = re.compile(r"([0-9]{1,18}):([0-9a-f]{64})")


class Command(DataCommand):
    help = gettext_lazy(
        "Verify that no event of the audit log was changed, deleted or inserted. With --file, verify an exported file "
        "and compare it with the database. Changes no event. The exit code is 1 if there are problems."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--file", metavar="FILE", help=_("an exported file (.csv or .jsonl)"))
        text = _("the head of an earlier verification or of the worker's log, which must still be in the chain")
        heads = parser.add_mutually_exclusive_group()
        heads.add_argument("--expect", metavar="NUMBER:DIGEST", help=text)
        text = _(
            "expect the head in this file, and replace it if there are no problems; "
            "without the file, nothing is expected"
        )
        heads.add_argument("--head-file", metavar="FILE", help=text)
        text = _("store the time and the number of problems for the metrics")
        parser.add_argument("--record", action="store_true", help=text)

    def handle(self, *args: Any, **options: Any) -> None:
        if options["file"]:
            self._verify_file(options["file"], as_json=options["json"])
        else:
            self._verify_database(**options)

    def _verify_database(
        self, *, expect: str | None, head_file: str | None, record: bool, json: bool, **_options: Any
    ) -> None:
        file = Path(head_file) if head_file else None
        verification = Verification(_parse_head(_read_head(file) if file else expect))
        count = self._print_problems(verification.problems())
        if record:
            values = {"verified_at": timezone.now(), "problems": count}
            AuditVerification.objects.update_or_create(number=1, defaults=values)
        if file and not count:
            _write_head(file, verification.head)
        data = {
            "blocks": verification.blocks,
            "sealed_events": verification.events,
            "purged_events": verification.purged,
            "unsealed_events": verification.unsealed,
            "head": verification.head,
            "problems": count,
        }
        self._finish(data, count, as_json=json)

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
        raise CommandError(_("The expected head must be NUMBER:DIGEST, as printed as head."))
    return int(match[1]), match[2]


def _read_head(file: Path) -> str | None:
    """Return the head in the file, or None if there is no file or the log had no blocks when it was written."""
    try:
        head = file.read_text(encoding="utf-8").strip() if file.exists() else ""
    except (OSError, ValueError) as error:
        raise _file_error(file, error) from None
    return None if head in ("", "0:") else head


def _write_head(file: Path, head: str) -> None:
    """Replace the file in one step, so that an interrupted command leaves the earlier head."""
    new = file.with_name(f"{file.name}.new")
    try:
        new.write_text(f"{head}\n", encoding="utf-8")
        new.replace(file)
    except OSError as error:
        raise _file_error(file, error) from None


def _file_error(file: Path, error: Exception) -> CommandError:
    reason = getattr(error, "strerror", None) or str(error)
    return CommandError(_("The file %(name)s cannot be used: %(reason)s.") % {"name": file, "reason": reason})
