"""Examples of the API reference: commands of the pages, executed in one shell, and the documented responses.

`UPDATE_EXAMPLES=1` writes the responses of the run to the pages.
"""

import json
import os
import re
import subprocess
from base64 import b64decode, b64encode
from hashlib import sha256
from uuid import UUID, uuid5

from tests.demo.running import ROOT, environment

SECONDS = 120
NAMESPACE = UUID("c0de5160-0000-4000-8000-000000000000")
MILLISECONDS = 1795860000000
SERVER, PORTAL = "https://auth.example.com", "https://portal.example.com"
MARK = "by tests/flows/test_api_reference.py -->"
BLOCK = re.compile(rf"<!-- (executed|response, compared|callback, compared) {MARK}\n```(sh|http)\n(.*?)```", re.DOTALL)
FIXED = {
    "verification_number": "42",
    "user_agent": "curl/8.14.1",
    "auth_req_id": "mV0Xn3v5dRkT1y8uQwLcGh2sJpZaBfEo4iNx6tDrKqM",
    "access_token": "eyJhbGciOiJFUzI1NiIsImtpZCI6...",
    "id_token": "eyJhbGciOiJFUzI1NiIsImtpZCI6...",
}
EXAMPLE_OTP = b64encode(sha256(b"one-time password").digest()[:20]).decode()
# Lists of short texts are written in one line.
SHORT_LIST = re.compile(r'\[\s+("[^"\n]*"(?:,\s+"[^"\n]*")*)\s+\]')
STATUS_TEXTS = {200: "OK", 201: "Created", 204: "No Content", 400: "Bad Request", 403: "Forbidden", 404: "Not Found"}
STATUS_TEXTS |= {409: "Conflict", 422: "Unprocessable Content"}


def execute(pages, run, directory, portal):
    """Run the shell blocks of the pages. Return the response of the last curl command of each, by page and position."""
    (directory / ".curlrc").write_text('write-out = "%{stderr}%{http_code} %{content_type}\\n"\n')
    commands, names = ["set -euo pipefail"], []
    for page in pages:
        for match in BLOCK.finditer((ROOT / page).read_text()):
            if match[1] == "executed":
                output = directory / str(len(names))
                commands.append(f"{{\n{match[3]}\n}} >{output}.out 2>{output}.err")
                names.append((page, match.start()))
    # Variables that the test needs.
    commands.append(f'printf %s "$SIGNING_SECRET" >{directory}/secret')
    process = subprocess.run(
        ["bash", "-c", "\n".join(commands)],
        env={**environment(run.var_dir, run.port), "HOME": str(directory), "PORTAL": portal},
        cwd=ROOT,
        timeout=SECONDS,
        check=False,
    )
    results = [_result(directory / str(number)) for number in range(len(names))]
    assert process.returncode == 0, (
        f"{[name for name, found in zip(names, results, strict=True) if found][-1]}: {results}"
    )
    return dict(zip(names, results, strict=True))


def _result(path):
    """Return the status line, the content type and the body of a block's response."""
    if not path.with_suffix(".err").exists():
        return None
    errors, output = path.with_suffix(".err").read_text(), path.with_suffix(".out").read_text()
    statuses = re.findall(r"^(\d{3}) (.*)$", errors, re.MULTILINE)
    body = output[output.index("{") :] if "{" in output else ""
    return (*(statuses[-1] if statuses else ("", errors)), body)


class Placeholders:
    """Replacement of the values that differ in every run. Equal values get equal placeholders."""

    def __init__(self, run, portal):
        self._urls = {portal: PORTAL, run.base: SERVER, f"http://localhost:{run.port}": SERVER}
        self._known = {}

    def response(self, status, content_type, body):
        """Return the documented form of a response."""
        lines = [f"HTTP/1.1 {status} {STATUS_TEXTS[int(status)]}"]
        if body:
            document = json.dumps(self.replaced(json.loads(body)), indent=2, ensure_ascii=False)
            document = SHORT_LIST.sub(lambda found: "[" + re.sub(r",\s+", ", ", found[1]) + "]", document)
            lines += [f"Content-Type: {content_type}", "", document]
        return "\n".join(lines) + "\n"

    def replaced(self, value, name=""):
        if isinstance(value, dict):
            return {key: self.replaced(member, key) for key, member in value.items()}
        if isinstance(value, list):
            return [self.replaced(member, name) for member in value]
        if isinstance(value, int) and value > 10**12:
            return MILLISECONDS
        return self._text(value, name) if isinstance(value, str) else value

    def _text(self, text, name):
        if name in FIXED:
            return FIXED[name]
        if name == "otp":
            content = json.loads(b64decode(text))
            content = {"transaction_id": self._uuid(content["transaction_id"]), "otp": EXAMPLE_OTP}
            return b64encode(json.dumps(content).encode()).decode()
        for url, placeholder in self._urls.items():
            text = text.replace(url, placeholder).replace(url.replace(":", "%3A").replace("/", "%2F"), placeholder)
        text = re.sub(r"\b([a-z]+)-\d{10}\b", r"\1-1795860000", text)
        text = re.sub(r"\bmsg_[0-9a-f]{32}\b", lambda found: self._webhook_id(found[0]), text)
        text = re.sub(r"\b[0-9A-F]{64}\b", lambda found: self._device(found[0]), text)
        if name.startswith("enrollment") or name == "web_enrollment_uri":
            text = re.sub(r"(?<=code=)\S+|^[\w-]{20,}$", "EXAM-P1EC-0DE4-F6C1-B0E9-A7D2", text)
        return re.sub(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", lambda found: self._uuid(found[0]), text)

    def _uuid(self, text):
        return str(self._known.setdefault(text, uuid5(NAMESPACE, str(len(self._known)))))

    def _webhook_id(self, text):
        return self._known.setdefault(text, "msg_" + sha256(str(len(self._known)).encode()).hexdigest()[:32])

    def _device(self, text):
        return self._known.setdefault(text, sha256(str(len(self._known)).encode()).hexdigest().upper())


def differences(page, expected_blocks):
    """Return the documented blocks of a page that differ from the expected ones, and update the page if requested.

    `expected_blocks` are the texts of the response and callback blocks in their order.
    """
    text, expected = (ROOT / page).read_text(), iter(expected_blocks)
    found = []

    def compared(match):
        if match[1] == "executed":
            return match[0]
        new = next(expected)
        if new != match[3]:
            found.append((match[3], new))
        return match[0].replace(f"```{match[2]}\n{match[3]}```", f"```{match[2]}\n{new}```")

    updated = BLOCK.sub(compared, text)
    assert next(expected, None) is None
    if os.environ.get("UPDATE_EXAMPLES"):
        (ROOT / page).write_text(updated)
        return []
    return found
