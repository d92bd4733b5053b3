"""Reference device on the command line: `python -m apps.demo --help`. Its keys and tokens are stored in one file."""

import argparse
import os
import secrets
import sys
from pathlib import Path

from apps.demo.device import KEY_KINDS, Device, DeviceApiError


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m apps.demo", description="Reference device on the command line.")
    parser.add_argument("--server", default=f"http://127.0.0.1:{os.environ.get('PORT', '8000')}")
    memory = Path(os.environ.get("VAR_DIR", "var")) / "phone.json"
    parser.add_argument("--file", type=Path, default=memory, help="file with the keys and tokens of the device")
    commands = parser.add_subparsers(dest="command", required=True)
    enroll = commands.add_parser("enroll", help="enrol with a code, also for push, and print the device id")
    enroll.add_argument("code")
    enroll.add_argument("--application", default="demo")
    enroll.add_argument("--pin", help="set this PIN")
    enroll.add_argument("--keys", choices=KEY_KINDS, default="jose", help="kind of the keys (default: %(default)s)")
    commands.add_parser("list", help="list the pending transactions")
    commands.add_parser("scan", help="scan a one-time password and approve").add_argument("otp")
    for name in ("approve", "deny"):
        answer = commands.add_parser(name, help=f"fetch a transaction and {name} it")
        answer.add_argument("transaction_id")
        answer.add_argument("--pin", default="", help="PIN, for a method that requires it")
    code = commands.add_parser("code", help="print the code of a transaction, which the user enters in the portal")
    code.add_argument("transaction_id")
    code.add_argument("--pin", default="", help="PIN, for a method that requires it")
    return parser


def run(options: argparse.Namespace) -> str:
    if options.command == "enroll":
        device = Device(options.server, kind=KEY_KINDS[options.keys])
        device.enroll(options.code, application_id=options.application, device_name="Command line")
        device.enroll_push(secrets.token_urlsafe(32))
        if options.pin:
            device.register_pin(options.pin)
        options.file.parent.mkdir(parents=True, exist_ok=True)
        options.file.touch(mode=0o600)
        options.file.write_text(device.dump())
        return device.device_id
    device = Device.load(options.file.read_text())
    if options.command == "list":
        return "\n".join(
            f"{transaction['transaction_id']} {transaction['message']}" for transaction in device.pending()
        )
    is_scan = options.command == "scan"
    challenge = device.claim_otp(options.otp) if is_scan else device.fetch(options.transaction_id)
    pin = "" if is_scan else options.pin
    if options.command == "code":
        return device.fetch_code(challenge, pin=pin)
    return f"{challenge['message']}: {device.answer(challenge, approve=options.command != 'deny', pin=pin)}"


def main() -> None:
    # Like the server, the command creates files under VAR_DIR that only its user can read.
    os.umask(0o077)
    try:
        print(run(build_parser().parse_args()))  # noqa: T201 - a command's output
    except (DeviceApiError, OSError) as error:
        sys.exit(f"Error: {error}")


if __name__ == "__main__":
    main()
