"""Re-encrypt stored secrets with the newest key of FIELD_ENCRYPTION_KEYS, and report where older keys are in use."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from apps.common import encryption, reencryption
from apps.common.commands import DataCommand
from apps.common.reencryption import ReencryptionResult
from apps.enrollment import maintenance
from apps.events.audit import checkpoints
from apps.system import keys
from config import keyed_hashes


class Command(DataCommand):
    help = gettext_lazy(
        "Re-encrypt all stored secrets with the newest key of FIELD_ENCRYPTION_KEYS and print which older keys can be "
        "removed. The server can keep running. Idempotent; it can be interrupted and run again. "
        "The exit code is 1 if a secret cannot be decrypted."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        text = _("accept new keys after the old ones were lost; enter secrets that cannot be decrypted again")
        parser.add_argument("--accept-new-keys", action="store_true", help=text)

    def verify_requirements(self, options: Mapping[str, Any]) -> None:
        if not options["accept_new_keys"]:
            super().verify_requirements(options)

    def handle(self, *args: Any, **options: Any) -> None:
        if options["accept_new_keys"]:
            keys.replace_check_value()
            checkpoints.restart_without_key()
        results = [reencryption.reencrypt(model, field) for model, field in reencryption.columns()]
        rehashed_count = maintenance.rehash_push_tokens()
        older_keys = _older_keys()
        if options["json"]:
            self.print_data(
                {
                    "columns": [vars(result) for result in results],
                    "push_tokens_rehashed": rehashed_count,
                    "older_keys": older_keys,
                },
                as_json=True,
            )
        else:
            self._print_report(results, rehashed_count, older_keys)
        if unreadable := sum(result.unreadable for result in results):
            raise CommandError(_unreadable(unreadable, results))

    def _print_report(
        self, results: Sequence[ReencryptionResult], rehashed_count: int, keys: Sequence[dict[str, Any]]
    ) -> None:
        self.print_table([vars(result) for result in results], as_json=False)
        self.stdout.write(_("Push tokens rehashed: %(count)d.") % {"count": rehashed_count})
        if not keys:
            self.stdout.write(_("FIELD_ENCRYPTION_KEYS contains one key. There is no older key to remove."))
        for key in keys:
            self.stdout.write(_key_status(key))
            for holder in key["held_by"]:
                self.stdout.write("  {what}: {count}. {ends}".format(**holder))


def _older_keys() -> list[dict[str, Any]]:
    hashes = keyed_hashes.kinds_by_key()
    return [
        {"number": number, "identifier": key.identifier, "held_by": dependents, "is_needed": bool(dependents)}
        for number, key in enumerate(encryption.key_ring()[1:], start=2)
        for dependents in [_dependents(key.identifier, hashes)]
    ]


def _dependents(identifier: str, hashes: dict[str, list[tuple[keyed_hashes.HashKind, int]]]) -> list[dict[str, Any]]:
    """Return the columns and kinds of hashes that use a key, with their number and the way they stop using it."""
    values = reencryption.count_under_key(identifier).items()
    note = _("Written by a process without the newest key, or not decryptable. Run this command again.")
    return [{"what": column, "count": count, "ends": note} for column, count in values] + [
        {"what": str(kind.name), "count": count, "ends": _sentence(str(kind.migration_note))}
        for kind, count in hashes.get(identifier, [])
    ]


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _key_status(key: dict[str, Any]) -> str:
    text = (
        _("Key %(number)d (%(identifier)s) is in use:")
        if key["is_needed"]
        else _("Key %(number)d (%(identifier)s) is not in use. Remove it from FIELD_ENCRYPTION_KEYS.")
    )
    return text % key


def _unreadable(count: int, results: Sequence[ReencryptionResult]) -> str:
    text = ngettext(
        "%(count)d value cannot be decrypted with FIELD_ENCRYPTION_KEYS and was not changed: %(columns)s.",
        "%(count)d values cannot be decrypted with FIELD_ENCRYPTION_KEYS and were not changed: %(columns)s.",
        count,
    )
    return text % {"count": count, "columns": ", ".join(result.column for result in results if result.unreadable)}
