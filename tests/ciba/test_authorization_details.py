"""Authorization details: what the phone shows, what the device signs, and what is rejected."""

import json

import pytest

from apps.ciba import authorization_details
from apps.ciba.errors import InvalidAuthorizationDetails

TRANSFER = {
    "type": "credit_transfer",
    "actions": ["initiate", "status"],
    "instructedAmount": {"currency": "EUR", "amount": 10.50},
    "creditor": [{"name": "Anna, baker", "IBAN": "NL91ABNA0417164300"}],
    "remittance_information": "Invoice     7",
    "urgent": True,
    "reference": None,
}


def test_details_are_shown_as_labelled_lines():
    details = authorization_details.parse(json.dumps([TRANSFER, {"type": "login"}]), ["credit_transfer", "login"])
    assert details.value[0] == TRANSFER
    assert details.lines.splitlines() == [
        "Credit transfer",
        "Actions: initiate, status",
        "Instructed amount / Currency: EUR",
        "Instructed amount / Amount: 10.5",
        "Creditor 1 / Name: Anna, baker",
        "Creditor 1 / IBAN: NL91ABNA0417164300",
        "Remittance information: Invoice 7",
        "Urgent: true",
        "Reference: —",
        "",
        "Login",
    ]


def test_canonical_form_does_not_depend_on_the_order_of_members():
    reverse = dict(reversed(TRANSFER.items()))
    forms = {
        authorization_details.parse(json.dumps([each]), ["credit_transfer"]).canonical for each in (TRANSFER, reverse)
    }
    assert len(forms) == 1
    assert forms.pop().startswith('[{"actions":["initiate","status"],"creditor":[{"IBAN":"NL91ABNA0417164300","name":')


def test_similar_names_have_different_labels():
    members = {"type": "a", "payTo": "x", "pay_to": "y"}
    assert authorization_details.parse(json.dumps([members]), "a").lines.splitlines() == ["A", "payTo: x", "pay_to: y"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "{}",
        "[]",
        "[1]",
        '[{"a": 1}]',
        '[{"type": 1}]',
        '[{"type": "other"}]',
        '[{"type": "a", "b": 1, "b": 2}]',
        '[{"type": "a", "b": NaN}]',
        '[{"type": "a", "b": 1e999}]',
        '[{"type": "a", "b": 9007199254740993}]',
        '[{"type": "a", "actions": "all"}]',
        '[{"type": "a", "identifier": 1}]',
        '[{"type": "a", "b": "x\\nAmount: 1"}]',
        '[{"type": "a", "b": "x\\u2028Amount: 1"}]',
        '[{"type": "a", "b": "\\u202e1"}]',
        '[{"type": "a", "b": "\\u0000"}]',
        '[{"type": "a", "b": "\\ud800"}]',
        '[{"type": "a", "b": "\\u3164"}]',
        '[{"type": "a", "b c": 1}]',
        '[{"type": "a", "\\u202e": 1}]',
        '[{"type": "a", "b": [[[[1]]]]}]',
        json.dumps([{"type": "a"}] * 11),
        json.dumps([{"type": "a", "b": list(range(101))}]),
        json.dumps([{"type": "a", "b": "x" * 3_000}]),
        json.dumps([{"type": "a", "b": "x" * 8_000}]),
        "[" * 7_000,
    ],
)
def test_details_that_cannot_be_shown_as_they_are_are_rejected(text):
    with pytest.raises(InvalidAuthorizationDetails):
        authorization_details.parse(text, ["a"])
