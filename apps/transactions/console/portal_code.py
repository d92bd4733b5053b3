"""Commands and programs with which a portal starts the same authentication: curl and the portal libraries."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from django.conf import settings

from apps.common.encryption import CannotDecrypt
from apps.transactions.models import Transaction
from apps.transactions.request import messages
from apps.transactions.types import Method, MobileAuthenticationType

SECRET = "COUNTERSIGN_CLIENT_SECRET"
# An SMS has no callback, but a type that fell back to it needs the URL.
CALLBACK_URL = "https://portal.example.com/callback"
# The functions of the libraries in Python and TypeScript, by method; all others are pushes.
FUNCTIONS = {Method.OTP: ("start_otp", "startOtp"), Method.SMS: ("start_sms", "startSms")}


@dataclass(frozen=True)
class Example:
    """Program of a portal. `key` identifies its element in the page."""

    key: str
    label: str
    code: str


def examples(transaction: Transaction, requested_type: str, more: Mapping[str, str]) -> list[Example]:
    """Return the examples. `more` are the parameters that the transaction does not have.

    The secret of the client is an environment variable, because it is not stored.
    """
    mobile_type = MobileAuthenticationType.objects.filter(name=requested_type).first()
    parameters = {"type": requested_type, **_parameters(transaction, mobile_type, more), **more}
    method = mobile_type.method if mobile_type else transaction.method
    if method != Method.SMS:
        parameters.setdefault("callback_uri", CALLBACK_URL)
    functions = FUNCTIONS.get(Method(method), ("start_push", "startPush"))
    return [
        Example("curl", "curl", _curl(transaction, parameters)),
        Example("python", "Python", _python(transaction, functions[0], parameters)),
        Example("typescript", "TypeScript", _typescript(transaction, functions[1], parameters)),
    ]


def _parameters(
    transaction: Transaction, mobile_type: MobileAuthenticationType | None, more: Mapping[str, str]
) -> dict[str, str]:
    default = messages.default_message(mobile_type, more.get("language_code", "")) if mobile_type else ""
    parameters = {
        "user_id": "" if transaction.method == Method.OTP else transaction.user_id,
        "device_id": transaction.device_id if transaction.method != Method.OTP else "",
        "callback_uri": transaction.callback_uri,
        "phone_number": _decrypted(transaction, "phone_number"),
        "message": "" if transaction.message == default else transaction.message,
        "signing_data": _decrypted(transaction, "signing_data"),
    }
    return {name: value for name, value in parameters.items() if value}


def _decrypted(transaction: Transaction, name: str) -> str:
    try:
        return str(getattr(transaction, name))
    except CannotDecrypt:
        return ""


def _curl(transaction: Transaction, parameters: dict[str, str]) -> str:
    """Return the command of the start, and that of the result. A client id is form-urlencoded (RFC 6749)."""
    credentials = f'"{quote(transaction.client.client_id, safe="")}:${SECRET}"'
    base = f"{settings.PUBLIC_URL}/oauth/api/v4/authenticate"
    fields = [f"--data-urlencode {shlex.quote(f'{name}={value}')}" for name, value in parameters.items()]
    start = " \\\n    ".join([f"curl -u {credentials}", *fields, shlex.quote(f"{base}/user")])
    return f"{start}\ncurl -u {credentials} {shlex.quote(f'{base}/transaction/{transaction.pk}')}"


def _python(transaction: Transaction, function: str, parameters: dict[str, str]) -> str:
    options = [f"    {name}={_literal(value)}," for name, value in parameters.items() if name != "type"]
    user_id = _literal(transaction.user_id)
    client = f"{_literal(settings.PUBLIC_URL)}, {_literal(transaction.client.client_id)}"
    lines = [
        "import os",
        "",
        "from countersign import Client",
        "",
        f'portal = Client({client}, os.environ["{SECRET}"])',
        f"started = portal.{function}(",
        f"    {_literal(parameters['type'])},",
        *options,
        ")",
    ]
    if transaction.method == Method.SMS:
        lines.append(f'portal.verify_sms({user_id}, started.transaction_id, input("Code: "))')
    if transaction.code_to_phone:
        lines.append(f'portal.verify_code({user_id}, started.transaction_id, input("Code: "))')
    lines += ["result = portal.wait(started.transaction_id)", "print(result.status)"]
    return "\n".join(lines)


def _typescript(transaction: Transaction, function: str, parameters: dict[str, str]) -> str:
    options = [f"  {_camel_case(name)}: {_literal(value)}," for name, value in parameters.items()]
    code = f'{{ userId: {_literal(transaction.user_id)}, transactionId: started.transactionId, code: "123456" }}'
    lines = [
        'import { Client } from "@countersign/portal";',
        "",
        "const portal = new Client({",
        f"  baseUrl: {_literal(settings.PUBLIC_URL)},",
        f"  clientId: {_literal(transaction.client.client_id)},",
        f"  clientSecret: process.env.{SECRET}!,",
        "});",
        f"const started = await portal.{function}({{",
        *options,
        "});",
    ]
    if transaction.method == Method.SMS:
        lines.append(f"await portal.verifySms({code}); // the code that the user entered")
    if transaction.code_to_phone:
        lines.append(f"await portal.verifyCode({code}); // the code that the user entered")
    lines += ["const result = await portal.wait(started.transactionId);", "console.log(result.status);"]
    return "\n".join(lines)


def _literal(text: str) -> str:
    """Return a string literal of both languages. JSON's escapes have the same meaning in them."""
    return json.dumps(text, ensure_ascii=False)


def _camel_case(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.title() for word in others)
