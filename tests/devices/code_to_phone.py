"""Transactions of types with `code_to_phone`, for tests."""

from apps.transactions.models import Transaction
from tests import factories
from tests.api.calls import send_json
from tests.devices.conftest import METHODS


class CodeFlow:
    """Portal and device of transactions whose code the device shows."""

    def __init__(self, portal, device):
        self.portal, self.device = portal, device

    def start(self, kind="push", device=None, **fields):
        """Initiate a transaction with a new type, and return its id."""
        values = {"max_attempts": 3, "time_to_live": 600, **fields}
        mobile_type = factories.TypeFactory(method=METHODS.get(kind, kind), code_to_phone=True, **values)
        started = self.portal.start(mobile_type, device or self.device)
        assert started.status_code == 200, started.content
        assert started.json()["code_to_phone"] is True
        return started.json()["transaction_id"]

    def request(self, challenge, name=None, token=None, device=None, **members):
        """Return a sealed request of a code, with the credential `name` or other members."""
        if name:
            members["credential"] = self.device.credential(name, token)
        content = {"transaction_id": challenge["transaction_id"], "token": challenge["token"], **members}
        return (device or self.device).seal(content)

    def send(self, client, transaction_id, message, device=None):
        token = (device or self.device).device_token
        return send_json(client, code_path(transaction_id), {"message": message}, token=token)

    def unlock(self, transaction_id, name="pin"):
        """Return the code of a transaction, after its credential."""
        challenge = self.device.fetch(transaction_id)
        return self.device.send_code_request(transaction_id, self.request(challenge, name))

    def verify(self, transaction_id, code, user_id="anna", version=4, portal=None):
        path = f"/oauth/api/v{version}/authenticate/user/{user_id}/code"
        return (portal or self.portal).post(path, {"transaction_id": transaction_id, "code": code})

    def result(self, transaction_id):
        result = self.portal.result(transaction_id).json()
        return result["status"], result.get("not_authenticated_reason", {}).get("reason")


def code_path(transaction_id):
    return f"/device/v1/transactions/{transaction_id}/code"


def stored_code(transaction_id):
    """Return the code that no interface of the server reveals."""
    return str(Transaction.objects.get(pk=transaction_id).code)


def other_code(code):
    return f"{(int(code) + 1) % 1_000_000:06d}"
