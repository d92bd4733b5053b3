"""Complete authentication in the web process, without a worker."""


def test_approved_push_is_authenticated(portal, mobile_type, device):
    started = portal.start(mobile_type, device, secure_message="You sign in at the shop").json()
    assert started["auth_method"] == "push"
    assert [listed["transaction_id"] for listed in device.pending()] == [started["transaction_id"]]

    challenge = device.fetch(started["transaction_id"])
    assert challenge["message"] == "You sign in at the shop"
    assert device.answer(challenge, approve=True) == "authenticated"

    result = portal.result(started["transaction_id"]).json()
    assert result["is_authenticated"] is True
    assert result["status"] == "authenticated"
    assert device.pending() == []
