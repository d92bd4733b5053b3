"""The examples of agents run as processes: the owner approves or denies on the device, and receipts verify offline."""

import json
import time

import pytest

from clients.python.countersign_device import KeyKind, keys
from tests.clients.ciba.conftest import LANGUAGES

pytestmark = pytest.mark.processes


@pytest.mark.parametrize("language", LANGUAGES)
class TestAgent:
    def test_transfers_after_the_approval_only(self, agents, running, language):
        assert running[language, "approve"].result() == (0, "Transferred 20.00 to Bob.\n")
        assert running[language, "deny"].result() == (1, "Not transferred: access_denied\n")
        [details] = read_receipt(agents[language, "approve"])["details"]
        assert (details["payee"], details["amount"]) == ("Bob", "20.00")
        assert not receipts_of(agents[language, "deny"])

    def test_receipt_is_verified_offline(self, agents, running, language):
        running[language, "approve"].result()
        [path] = receipts_of(agents[language, "approve"])
        code, output = verify_offline(agents[language, "approve"], path)
        assert (code, output.startswith("The owner approved: ")) == (0, True)

    def test_receipt_with_another_amount_is_invalid(self, agents, running, tmp_path, language):
        running[language, "approve"].result()
        receipt = read_receipt(agents[language, "approve"])
        receipt["details"][0]["amount"] = "2000.00"
        (tmp_path / "changed.json").write_text(json.dumps(receipt))
        code, output = verify_offline(agents[language, "approve"], tmp_path / "changed.json")
        assert (code, "it is for another action" in output) == (1, True)

    def test_receipt_of_another_device_is_invalid(self, agents, running, tmp_path, language):
        running[language, "approve"].result()
        agent = agents[language, "approve"]
        other = keys.new_secret_key(KeyKind.P256, at=time.time())
        (tmp_path / "other.pem").write_text(keys.public_pem(other))
        [path] = receipts_of(agent)
        code, output = agent.run("receipt", path, tmp_path / "other.pem")
        assert (code, "the device of the owner has not signed it" in output) == (1, True)


def receipts_of(agent):
    return list(agent.receipts.glob("*.json"))


def read_receipt(agent):
    [path] = receipts_of(agent)
    return json.loads(path.read_text())


def verify_offline(agent, receipt):
    """Run the verification with a server URL at which no server listens."""
    agent.environment["COUNTERSIGN_URL"] = "http://127.0.0.1:9"
    return agent.run("receipt", receipt, agent.key_file)
