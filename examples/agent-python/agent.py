"""Agent that asks its owner before it transfers money: `python agent.py PAYEE AMOUNT`.

A model would call the tool `transfer`. The tool waits until the owner approves the exact details on the phone, verifies
the receipt, and stores it. The environment names the server, the client and the owner.
"""

import json
import os
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import httpx
from receipt import InvalidReceipt, verify

ISSUER = os.environ["COUNTERSIGN_URL"]
CREDENTIALS = {
    "client_id": os.environ["COUNTERSIGN_CLIENT_ID"],
    "client_secret": os.environ["COUNTERSIGN_CLIENT_SECRET"],
}
OWNER = os.environ["OWNER_USER_ID"]
RECEIPTS = Path(os.environ["RECEIPTS"])
# Public key of the owner's device. Store it when you have identified the owner, for example after a first approval.
DEVICE_KEY = (RECEIPTS / "owner.pem").read_text()
GRANT_TYPE = "urn:openid:params:grant-type:ciba"


class NotApproved(Exception):
    """The owner has denied the action or has not answered."""


class Approvals:
    """Approvals of the owner by OpenID CIBA, in poll mode."""

    def __init__(self, http: httpx.Client) -> None:
        self.http = http
        self.server = http.get(f"{ISSUER}/.well-known/openid-configuration").raise_for_status().json()

    def request(self, details: list[dict[str, Any]], message: str) -> dict[str, Any]:
        """Return the receipt of the owner's approval. Raises NotApproved."""
        form = {"scope": "openid", "login_hint": OWNER, "binding_message": message, **CREDENTIALS}
        form["authorization_details"] = json.dumps(details)
        response = self.http.post(self.server["backchannel_authentication_endpoint"], data=form)
        if response.status_code != 200:
            raise NotApproved(response.json()["error_description"])
        started = response.json()
        tokens = self.wait(started["auth_req_id"], started["interval"])
        # The keys of the server are replaced from time to time: a receipt is stored with them.
        keys = self.http.get(self.server["jwks_uri"]).raise_for_status().json()
        receipt = {"issuer": ISSUER, "client_id": CREDENTIALS["client_id"], "details": details, "keys": keys}
        return {**receipt, "id_token": tokens["id_token"]}

    def wait(self, auth_req_id: str, interval: int) -> dict[str, Any]:
        """Poll until the owner has answered. Return the tokens. Raises NotApproved."""
        form = {"grant_type": GRANT_TYPE, "auth_req_id": auth_req_id, **CREDENTIALS}
        while True:
            time.sleep(interval)
            response = self.http.post(self.server["token_endpoint"], data=form)
            body = response.json()
            if response.status_code == 200:
                return dict(body)
            if body["error"] == "slow_down":
                interval += 5
            elif body["error"] != "authorization_pending":
                raise NotApproved(body["error"])


def transfer(approvals: Approvals, payee: str, amount: str) -> str:
    """Tool of the agent: transfer money after the approval of the owner."""
    # The reference makes the details unique, so that a receipt is valid for one transfer.
    details = [{"type": "transfer", "payee": payee, "amount": amount, "reference": str(uuid.uuid4())}]
    receipt = approvals.request(details, f"The agent wants to transfer {amount} to {payee}.")
    verify(receipt, DEVICE_KEY, issuer=ISSUER, client_id=CREDENTIALS["client_id"])
    (RECEIPTS / f"{details[0]['reference']}.json").write_text(json.dumps(receipt))
    return f"Transferred {amount} to {payee}."


def main() -> int:
    with httpx.Client(timeout=10) as http:
        try:
            print(transfer(Approvals(http), *sys.argv[1:]))
        except (NotApproved, InvalidReceipt) as error:
            print(f"Not transferred: {error}")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
