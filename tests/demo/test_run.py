"""The demo with its processes: `scripts/run.py` and the buttons of the page."""

import json
import re
import stat
import subprocess
import sys

import pytest

from tests.demo.running import ROOT, Run, Visitor, environment, step_calls, stored_device
from tests.flows.waiting import wait_until

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    running = Run(tmp_path_factory.mktemp("demo"))
    try:
        running.wait_until_ready()
        yield running
    finally:
        running.kill()


@pytest.fixture
def visitor(run):
    visitor = Visitor(run.base)
    visitor.press("/demo/reset")
    return visitor


def test_approved_sign_in_signs_in(visitor):
    state = visitor.answer("approve")
    assert state["portal"]["status"] == "signed_in"
    assert state["phone"]["status"] == "approved"


def test_denied_sign_in_does_not_sign_in(visitor):
    state = visitor.answer("deny")
    assert state["portal"]["status"] == "denied"
    assert state["phone"]["status"] == "denied"


def test_phone_displays_public_and_secure_message(visitor):
    request = visitor.sign_in()["phone"]["request"]
    assert request["push_message"] == "Sign in to Larkspur?"
    assert request["message"].startswith("Anna, you are about to sign in")


def test_journal_contains_the_whole_flow_in_order(visitor):
    journal = " | ".join(step_calls(visitor.answer("approve")))
    steps = [
        r"POST /oauth/api/v4/users/anna/enrollment-codes → 201",
        r"POST /device/v1/enrollments → 201",
        r"PUT /device/v1/enrollments/\w{6}/push → 204",
        r"POST /device/v1/enrollments/\w{6}/authenticators → 201",
        r"POST /oauth/api/v4/authenticate/user → 200",
        r"messages:send → 200",
        r"POST /device/v1/transactions/\w{8}…/fetch → 200",
        r"POST /device/v1/transactions/\w{8}…/answer → 200",
        r"POST /demo/callback → 204",
        r"GET /oauth/api/v4/authenticate/transaction/\w{8}… → 200",
    ]
    assert re.search(".*".join(steps), journal), journal


def test_sign_in_requires_an_enrolled_phone(visitor):
    assert visitor.press("/demo/phone/unenroll")["phone"]["status"] == "not_enrolled"
    failed = visitor.press("/demo/sign-in")
    assert failed["portal"]["status"] == "failed"
    assert "1001" in failed["portal"]["message"]
    assert visitor.press("/demo/phone/enroll")["phone"]["status"] == "ready"
    assert visitor.answer("approve")["portal"]["status"] == "signed_in"


def test_phone_enrolls_with_the_selected_keys(visitor):
    assert visitor.state()["phone"]["key_name"] == "JOSE (P-256)"
    visitor.press("/demo/phone/unenroll")
    state = visitor.press("/demo/phone/enroll", keys="openpgp")
    assert state["phone"]["key_name"] == "OpenPGP (Curve25519)"
    assert "keys enrolled: OpenPGP (Curve25519)" in [step["note"] for step in state["steps"]]
    assert visitor.answer("approve", "fingerprint", fingerprint="1")["portal"]["status"] == "signed_in"
    request = visitor.sign_in("payment")["phone"]["request"]
    visitor.press("/demo/phone/answer", decision="approve", transaction_id=request["transaction_id"], pin="12345")
    assert visitor.until(lambda state: state["portal"]["status"] != "waiting")["portal"]["status"] == "paid"
    assert visitor.press("/demo/reset")["phone"]["key_name"] == "JOSE (P-256)"


@pytest.mark.parametrize(("options", "armored"), [((), False), (("--keys", "openpgp"), True)], ids=["JOSE", "OpenPGP"])
def test_command_line_device_enrolls_with_the_selected_keys(run, tmp_path, options, armored):
    user_id = "fred" if armored else "gina"
    code = json.loads(run.command("enrollment_code", user_id, "demo", "--json"))["enrollment_code"]
    file = tmp_path / "phone.json"
    command = [sys.executable, "-m", "apps.demo", "--server", run.base, "--file", str(file), "enroll", code, *options]
    subprocess.run(command, cwd=ROOT, env=environment(run.var_dir, run.port), check=True, timeout=30)
    assert json.loads(file.read_text())["secret_key"].startswith("-----BEGIN PGP") == armored


@pytest.mark.parametrize(
    ("method", "required_credentials", "approval"),
    [
        ("pin", ["pin"], {"pin": "12345"}),
        ("fingerprint", ["fingerprint", "pin"], {"fingerprint": "1"}),
        ("fingerprint", ["fingerprint", "pin"], {"pin": "12345"}),
    ],
)
def test_required_credential_signs_in_at_the_shop(visitor, method, required_credentials, approval):
    request = visitor.sign_in(method)["phone"]["request"]
    assert request["required_credentials"] == required_credentials
    fields = {"decision": "approve", "transaction_id": request["transaction_id"]}
    assert visitor.press("/demo/phone/answer", **fields)["error"] == "Enter the PIN first."
    visitor.press("/demo/phone/answer", **fields, **approval)
    state = visitor.until(lambda state: state["portal"]["status"] != "waiting")
    assert (state["portal"]["status"], state["phone"]["status"]) == ("signed_in", "approved")


def test_number_matching_requires_the_number_of_the_shop(run, visitor):
    def ask_for(digits):
        types = [{"name": "login", "number_matching_digits": digits}]
        path = run.var_dir / "types.json"
        path.write_text(json.dumps({"mobile_authentication_types": types}))
        run.command("import_configuration", str(path))

    def approve(state, number):
        fields = {"decision": "approve", "transaction_id": state["phone"]["request"]["transaction_id"]}
        assert "first." in visitor.press("/demo/phone/answer", **fields)["error"]
        visitor.press("/demo/phone/answer", **fields, number=number)
        state = visitor.until(lambda state: state["portal"]["status"] != "waiting")
        return state["portal"]["status"], state["phone"]["status"]

    def sign_in(digits):
        """Sign in with this number of digits. A change of a type takes effect within a second."""
        state = visitor.sign_in()
        request = state["phone"]["request"]
        if request["number_digits"] == digits:
            return state
        visitor.press("/demo/phone/answer", decision="deny", transaction_id=request["transaction_id"])
        visitor.until(lambda state: state["portal"]["status"] != "waiting")
        return None

    ask_for(2)
    try:
        state = wait_until(lambda: sign_in(2))
        wrong = f"{(int(state['portal']['number']) + 1) % 100:02d}"
        assert approve(state, wrong) == ("failed", "denied")
        state = visitor.sign_in()
        assert approve(state, state["portal"]["number"]) == ("signed_in", "approved")
    finally:
        ask_for(0)
    assert wait_until(lambda: sign_in(0))


def test_wrong_pins_are_counted_across_sign_ins(visitor):
    state = visitor.sign_in("pin")
    for hint in ("This PIN is wrong: 2 attempts left.", "This PIN is wrong: 1 attempt left."):
        assert state["phone"]["request"]["hint"] != hint
        transaction_id = state["phone"]["request"]["transaction_id"]
        state = visitor.press("/demo/phone/answer", decision="approve", transaction_id=transaction_id, pin="54321")
        assert (state["phone"]["status"], state["phone"]["request"]["hint"]) == ("ringing", hint)
    visitor.press("/demo/leave")
    state = visitor.answer("approve", "fingerprint", pin="00000")
    assert (state["phone"]["status"], state["portal"]["status"]) == ("disconnected", "failed")
    assert state["portal"]["message"] == "Too many wrong PINs."
    assert "1001" in visitor.press("/demo/sign-in", method="push")["portal"]["message"]
    assert visitor.press("/demo/phone/enroll")["phone"]["status"] == "ready"
    assert visitor.answer("approve", "pin", pin="12345")["portal"]["status"] == "signed_in"


def test_payment_displays_signing_data_and_is_signed(visitor):
    visitor.answer("approve")
    request = visitor.sign_in("payment")["phone"]["request"]
    assert request["signing_data"].startswith("Pay € 38.50 to Larkspur")
    fields = {"decision": "approve", "transaction_id": request["transaction_id"], "fingerprint": "1"}
    visitor.press("/demo/phone/answer", **fields)
    assert visitor.until(lambda state: state["portal"]["status"] != "waiting")["portal"]["status"] == "paid"


def test_cancelled_payment_keeps_the_session(visitor):
    visitor.answer("approve")
    visitor.sign_in("payment")
    assert visitor.press("/demo/leave")["portal"]["status"] == "signed_in"
    visitor.sign_in("payment")
    assert visitor.press("/demo/reset")["portal"]["status"] == "signed_out"


def wrong(code):
    return f"{(int(code) + 1) % 1_000_000:06}"


def test_sms_code_signs_in(visitor):
    code = visitor.receive_code()
    assert visitor.state()["portal"]["status"] == "enter_code"
    state = visitor.press("/demo/verify", code=f"{code[:3]} {code[3:]}")
    assert state["portal"]["status"] == "signed_in"
    assert (state["phone"]["status"], state["phone"]["messages"]) == ("ready", [])


def test_code_of_the_phone_signs_in(visitor):
    request = visitor.sign_in("code")["phone"]["request"]
    assert (request["has_code"], request["code"]) == (True, "")
    fields = {"decision": "approve", "transaction_id": request["transaction_id"]}
    assert visitor.press("/demo/phone/answer", **fields, pin="1")["phone"]["request"]["code"] == ""
    code = visitor.press("/demo/phone/answer", **fields, pin="12345")["phone"]["request"]["code"]
    portal = visitor.press("/demo/verify", code=wrong(code))["portal"]
    assert (portal["status"], portal["attempts_left"]) == ("enter_code", 2)
    state = visitor.press("/demo/verify", code=code)
    assert (state["portal"]["status"], state["phone"]["status"]) == ("signed_in", "ready")
    assert not any(code in str(step) for step in state["steps"])


def test_denied_code_does_not_sign_in(visitor):
    request = visitor.sign_in("code")["phone"]["request"]
    visitor.press("/demo/phone/answer", decision="deny", transaction_id=request["transaction_id"])
    assert visitor.until(lambda state: state["portal"]["status"] != "enter_code")["portal"]["status"] == "denied"


def test_phone_without_an_account_receives_sms(visitor):
    visitor.press("/demo/phone/unenroll")
    code = visitor.receive_code()
    assert visitor.press("/demo/verify", code=code)["portal"]["status"] == "signed_in"
    visitor.press("/demo/phone/enroll")


def test_last_wrong_code_ends_the_sign_in(visitor):
    code = visitor.receive_code()
    remaining = []
    for given in (wrong(code), "12 34", ""):
        portal = visitor.press("/demo/verify", code=given)["portal"]
        remaining.append((portal["status"], portal["attempts_left"], portal["message"]))
    assert remaining == [
        ("enter_code", 2, "This code is wrong: 2 attempts left."),
        ("enter_code", 1, "This code is wrong: 1 attempt left."),
        ("failed", 0, "Too many wrong codes."),
    ]
    assert visitor.press("/demo/verify", code=code)["portal"]["status"] == "failed"


def test_code_is_resent_until_the_limit(visitor):
    code = visitor.receive_code()
    for number in (2, 3):
        remaining = visitor.press("/demo/resend")["portal"]["resends_left"]
        assert remaining == 3 - number
        state = visitor.until(lambda state, number=number: len(state["phone"]["messages"]) == number)
        assert visitor.code_of(state) == code
    rejected = visitor.press("/demo/resend")
    assert (rejected["portal"]["status"], rejected["portal"]["resends_left"]) == ("enter_code", 0)
    assert "error" not in rejected
    assert visitor.press("/demo/verify", code=code)["portal"]["status"] == "signed_in"


@pytest.mark.parametrize(("decision", "status"), [("approve", "signed_in"), ("deny", "denied")])
def test_scanned_code_is_answered_on_the_phone(visitor, decision, status):
    state = visitor.press("/demo/sign-in", method="otp")
    assert (state["portal"]["status"], state["phone"]["can_scan"]) == ("scan", True)
    assert visitor.open("/demo/qr.svg").headers["Content-Type"] == "image/svg+xml"
    request = visitor.press("/demo/phone/scan")["phone"]["request"]
    assert request["message"].startswith("Anna, you are about to sign in")
    visitor.press("/demo/phone/answer", decision=decision, transaction_id=request["transaction_id"])
    state = visitor.until(lambda state: state["portal"]["status"] != "scan")
    assert state["portal"]["status"] == status
    journal = " | ".join(step_calls(state))
    assert re.search(r"POST /device/v1/otp → 200.*/answer → 200.*POST /demo/callback → 204", journal), journal


@pytest.mark.parametrize("method", ["push", "sms", "otp"])
@pytest.mark.parametrize("path", ["/demo/leave", "/demo/reset"])
def test_leaving_cancels_the_pending_transaction(run, visitor, method, path):
    visitor.press("/demo/sign-in", method=method)
    if method != "otp":
        visitor.until(lambda state: state["phone"]["status"] in ("ringing", "sms"))
    state = visitor.press(path)
    assert (state["portal"]["status"], state["phone"]["status"]) == ("signed_out", "ready")
    newest = json.loads(run.command("list_transactions", "--limit", "1", "--json"))[0]
    assert (newest["method"], newest["status"]) == (method, "cancelled")


def test_repeated_click_counts_once(visitor):
    request = visitor.sign_in()["phone"]["request"]
    fields = {"decision": "deny", "transaction_id": request["transaction_id"]}
    visitor.press("/demo/phone/answer", **fields)
    second = visitor.press("/demo/phone/answer", **{**fields, "decision": "approve"})
    assert second["error"] == "This request is no longer open."
    assert visitor.until(lambda state: state["portal"]["status"] != "waiting")["portal"]["status"] == "denied"


def test_reset_enrolls_a_new_device(run, visitor):
    before = stored_device(run)
    visitor.sign_in()
    state = visitor.press("/demo/reset")
    assert (state["portal"]["status"], state["phone"]["status"]) == ("signed_out", "ready")
    assert len(step_calls(state)) == 5
    assert stored_device(run) != before
    assert visitor.answer("approve")["portal"]["status"] == "signed_in"


def test_sign_in_expires_and_reset_restores_the_lifetime(run, visitor):
    shorter = {"mobile_authentication_types": [{"name": "login", "time_to_live": 2}]}
    run.command("import_configuration", "-", stdin=json.dumps(shorter))
    before = stored_device(run)
    visitor.sign_in()
    state = visitor.until(lambda state: state["portal"]["status"] != "waiting")
    assert (state["portal"]["status"], state["phone"]["status"]) == ("expired", "missed")

    assert "The demo starts over." in run.command("demo_setup", "--reset")
    visitor.until(lambda _state: stored_device(run) not in (before, ""))
    assert visitor.sign_in()["phone"]["request"]["lifetime_seconds"] == 120


def test_files_in_var_dir_are_private(run, visitor):
    visitor.state()
    paths = {path.relative_to(run.var_dir): path for path in run.var_dir.rglob("*")}
    modes = {str(name): stat.S_IMODE(path.stat().st_mode) for name, path in paths.items()}
    expected = {"countersign.sqlite3", "countersign.sqlite3-wal", "keys.json", "static", "demo", "logs/web.log"}
    assert expected <= modes.keys()
    expected_modes = {str(name): 0o700 if path.is_dir() else 0o600 for name, path in paths.items()}
    assert modes == expected_modes


def test_logs_contain_no_secrets_of_the_demo(run, visitor):
    visitor.answer("approve", "pin", pin="12345")
    visitor.press("/demo/leave")
    code = visitor.receive_code()
    visitor.press("/demo/verify", code=code)
    setup = json.loads((run.var_dir / "demo" / "setup.json").read_text())
    live = json.loads((run.var_dir / "demo" / "live.json").read_text())
    logs = "".join(path.read_text() for path in (run.var_dir / "logs").iterdir())
    assert "PUSH_AUTH_INITIALIZED" in logs
    for secret in (
        setup["client_secret"],
        setup["callback_password"],
        setup["administrator_password"],
        live["phone"]["push_token"],
        live["phone"]["device"]["device_token"],
        live["phone"]["device"]["secure_store"]["tokens"]["fingerprint"],
        "12025550143",
        f"{code} is your",
    ):
        assert secret not in logs
    # The digits can be part of a time or an id.
    assert not re.search(r"(?<![0-9a-f])12345(?![0-9a-f])", logs)


def test_second_run_with_the_same_files_is_rejected(run):
    second = Run(run.var_dir)
    code, _output, errors = second.end()
    assert code == 1
    assert errors == f"Another run uses {run.var_dir}. Stop it, or set VAR_DIR to another directory.\n"
