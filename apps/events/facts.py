"""Facts of audit events. Each event type declares one of these classes (`apps/events/types.py`).

`user_id`, `client_id`, `app_name` and `transaction_id` are columns of the event, the other facts are its details.
All values are JSON values, never secrets.
"""

from typing import NotRequired, TypedDict
from uuid import UUID


class StaffActor(TypedDict, total=False):
    """Cause of an event: the name of a staff account or command."""

    who: str


class Actor(StaffActor, total=False):
    """Cause of an event: a staff account or command, or an API client and its transaction."""

    client_id: str
    transaction_id: UUID


class ReasonFact(TypedDict, total=False):
    reason: str


class NoFacts(TypedDict):
    """Nothing but the time and the request."""


class UserFacts(TypedDict):
    user_id: str


class ProfileFacts(TypedDict):
    user_id: str
    app_name: str


class DeviceFacts(ProfileFacts):
    device_id: str


class DeviceActionFacts(DeviceFacts, Actor):
    """An action of staff, a portal or the server on a user's device."""


class EnrollmentCodeFacts(ProfileFacts, Actor):
    pass


class EnrollmentFailureFacts(TypedDict):
    app_name: str
    reason: str


class PushEnrollmentFailureFacts(DeviceFacts):
    reason: str


class AuthenticatorFacts(DeviceFacts):
    authenticator: str
    authenticator_id: str


class AuthenticatorActionFacts(AuthenticatorFacts, Actor):
    pass


class UserLockFacts(UserFacts, Actor):
    pass


class UserUnlockFacts(UserFacts, Actor):
    applications_unlocked: int
    code_failures_cleared: int


class RequestFacts(UserFacts, StaffActor):
    """A request to start an authentication that was rejected. `who` is the staff account, if it was one of staff."""

    client_id: str


class TypeFact(TypedDict, total=False):
    type: str


class InvalidRequestFacts(RequestFacts, ReasonFact, TypeFact):
    """`reason` is the error of a parameter, `type` the mobile authentication type that cannot be used."""


class UnavailableTypeFacts(RequestFacts):
    type: str


class LimitFacts(RequestFacts):
    limit: str


class ClientFacts(TypedDict):
    client_id: str


class TransactionFacts(TypedDict):
    user_id: str
    app_name: str
    client_id: str
    transaction_id: UUID


class DeliveryFact(TypedDict, total=False):
    """`delivery` is `pull` if the device gets no push and finds the transaction in its list."""

    delivery: str


class StartFacts(TransactionFacts, DeliveryFact, StaffActor):
    """`type` is the requested type, `resolved_type` the type or fallback that was started, `who` a staff account."""

    type: str
    resolved_type: str
    method: str


class CibaRequestFacts(TransactionFacts):
    """`delivery_mode` is `poll`, `ping` or `push`."""

    delivery_mode: str


class KeyFacts(TypedDict):
    """`kid` is the id of a key in a key set."""

    kid: str


class StatusFacts(TransactionFacts):
    status: str


class EndFacts(TransactionFacts, StaffActor, ReasonFact):
    pass


class AttemptLimitFact(TypedDict, total=False):
    """`max_attempts` is absent if there is no limit."""

    max_attempts: int


def attempt_limit(limit: int) -> AttemptLimitFact:
    """Return the fact of an attempt limit. 0: no limit."""
    return AttemptLimitFact(max_attempts=limit) if limit else AttemptLimitFact()


class AttemptFacts(TransactionFacts, AttemptLimitFact):
    attempt: int


class CredentialFacts(TransactionFacts):
    authenticator: str


class FetchFailureFacts(TypedDict):
    """`transaction_id` is None if there is no such transaction."""

    user_id: str
    transaction_id: UUID | None


class ResendFacts(TransactionFacts, StaffActor):
    pass


class ResendFailureFacts(ResendFacts):
    reason: str


class ContextFacts(TransactionFacts, ReasonFact):
    pass


class DeliveryFacts(TypedDict):
    """One attempt to deliver. `next_attempt_at` is ISO 8601, or None if there is no next attempt."""

    user_id: str
    client_id: str
    transaction_id: UUID
    attempt: int
    http_status: int | None
    reason: str
    next_attempt_at: str | None


class PushDeliveryFacts(DeliveryFacts):
    app_name: str
    configuration: str | None


class FailedApiAccessFacts(TypedDict):
    client_id: str
    reason: str


class StaffFacts(TypedDict):
    """An action of a staff account or command."""

    who: str


class ObjectFacts(StaffFacts):
    object: str


class ChangeFacts(ObjectFacts):
    """`changes` maps field names to the values before and after; of secrets only the names are given."""

    model: str
    object_id: str
    changes: dict[str, list[object]]
    secrets_changed: NotRequired[list[str]]


class ImportFacts(StaffFacts):
    changes: int
    lines: list[str]


class SecondFactorFacts(ObjectFacts):
    kind: str


class RenamedFactorFacts(SecondFactorFacts):
    before: str


class FailedFactorFacts(ObjectFacts):
    kind: NotRequired[str]


class RecoveryCodeFacts(ObjectFacts):
    left: int


class ExportFacts(StaffFacts):
    filters: dict[str, object]


class TestCallbackFacts(ObjectFacts):
    http_status: int | None
    reason: str


class RedeliveryFacts(StaffFacts):
    count: int
    object: NotRequired[str]
    transaction_id: NotRequired[UUID]


class TestPushFacts(DeviceFacts):
    who: str
    outcome: str
    http_status: int | None
    reason: str


class TestSmsFacts(StaffFacts):
    gateway: str
    phone_number: str
    sender: str
    outcome: str
    http_status: int | None
    reason: str


class DeviceListFacts(UserFacts, Actor):
    devices: int
