"""Operations of the portal, user and events APIs as flows. Both clients have a method for each."""

import uuid
from collections.abc import Callable, Generator, Iterable, Mapping
from typing import Any, TypedDict
from urllib.parse import quote

from countersign import errors
from countersign.flows import Flow, Pause, Reply, Request, Sender, parse, read_json, require_success
from countersign.models import (
    AvailableType,
    EnrollmentCode,
    Event,
    EventPage,
    StartedTransaction,
    TransactionResult,
    UserDevice,
)

PORTAL = "/oauth/api/v4/authenticate"
USERS = "/oauth/api/v4/users"
FIRST_POLL_SECONDS, MAX_POLL_SECONDS, POLL_GROWTH = 0.5, 3.0, 1.4
PAGE_SIZE = 200


class MessageOptions(TypedDict, total=False):
    """Optional parameters of a start of every method."""

    message: str
    secure_message: str
    language_code: str
    ip_address: str
    user_agent: str
    idempotency_key: str


class PushOptions(MessageOptions, total=False):
    """Optional parameters of a push. `phone_number` is for a fallback to SMS."""

    device_id: str
    phone_number: str
    signing_data: str


class SmsOptions(MessageOptions, total=False):
    """Optional parameters of an SMS."""


class OtpOptions(MessageOptions, total=False):
    """Optional parameters of a one-time password."""

    signing_data: str


class StartOptions(PushOptions, total=False):
    """All parameters of a start except the type."""

    user_id: str
    callback_uri: str


class EventFilters(TypedDict, total=False):
    """Filters of events. Dates are in milliseconds since the epoch and inclusive."""

    user_id: str
    client_id: str
    transaction_id: str
    event_type: Iterable[str]
    exclude_event_type: Iterable[str]
    start_date: int
    end_date: int


def segment(text: str) -> str:
    """Percent-encode a part of a path. Raises ValueError for an empty part."""
    if not text:
        raise ValueError("an empty id cannot be part of a path")
    # A part of only dots would be removed from the path.
    return quote(text, safe="") if text.strip(".") else text.replace(".", "%2E")


class Operations:
    """Operations as flows."""

    def __init__(self, sender: Sender, now: Callable[[], float]) -> None:
        self.sender, self.now = sender, now

    def start(self, type_name: str, options: Mapping[str, Any]) -> Flow[StartedTransaction]:
        form = {name: str(value) for name, value in options.items() if value is not None}
        key = form.pop("idempotency_key", "") or str(uuid.uuid4())
        request = Request("POST", f"{PORTAL}/user", form={"type": type_name, **form}, headers={"Idempotency-Key": key})
        return parse(StartedTransaction.from_json, (yield from self.sender.send(request)))

    def result(self, transaction_id: str) -> Flow[TransactionResult]:
        response = yield from self.sender.send(Request("GET", f"{PORTAL}/transaction/{segment(transaction_id)}"))
        return parse(TransactionResult.from_json, response)

    def wait(self, transaction_id: str, timeout: float | None) -> Flow[TransactionResult]:
        """Poll until the transaction has ended. Raises WaitTimeout."""
        started_at, pause = self.now(), FIRST_POLL_SECONDS
        while (result := (yield from self.result(transaction_id))).is_pending:
            if timeout is not None:
                remaining = timeout - (self.now() - started_at)
                if remaining <= 0:
                    raise errors.WaitTimeout(transaction_id)
                pause = min(pause, remaining)
            yield Pause(pause)
            pause = min(pause * POLL_GROWTH, MAX_POLL_SECONDS)
        return result

    def verify_sms(self, user_id: str, transaction_id: str, code: str) -> Flow[None]:
        path = f"{PORTAL}/user/{segment(user_id)}/sms"
        yield from self._verify(path, transaction_id, {"sms_code": code})

    def verify_code(self, user_id: str, transaction_id: str, code: str) -> Flow[None]:
        path = f"{PORTAL}/user/{segment(user_id)}/code"
        yield from self._verify(path, transaction_id, {"code": code})

    def _verify(self, path: str, transaction_id: str, code: Mapping[str, str]) -> Flow[None]:
        form = {"transaction_id": transaction_id, **code}
        # A repeat could use a second attempt, or report a correct code as used.
        response = yield from self.sender.send(Request("POST", path, form=form, repeatable=False))
        # Another transaction in the body would be the response to another request.
        if parse(lambda body: str(body["transaction_id"]), response).lower() != transaction_id.lower():
            raise errors.UnexpectedResponse(response.status, "the response is of another transaction")

    def resend_sms(self, user_id: str, transaction_id: str) -> Flow[None]:
        form = {"transaction_id": transaction_id}
        request = Request("POST", f"{PORTAL}/user/{segment(user_id)}/sms/resend", form=form, repeatable=False)
        yield from self.sender.send(request)

    def resend_push(self, transaction_id: str) -> Flow[None]:
        path = f"{PORTAL}/transaction/{segment(transaction_id)}/resend"
        yield from self.sender.send(Request("POST", path, repeatable=False))

    def cancel(self, transaction_id: str) -> Flow[None]:
        request = Request("DELETE", f"{PORTAL}/transaction/{segment(transaction_id)}")
        response, is_ambiguous = yield from self.sender.send_tracked(request)
        try:
            require_success(response)
        except errors.TransactionNotFound:
            # An earlier attempt can have cancelled it without a response.
            if not is_ambiguous or (yield from self.result(transaction_id)).status != "cancelled":
                raise

    def user_types(self, user_id: str) -> Flow[list[AvailableType]]:
        response = yield from self.sender.send(Request("GET", f"{PORTAL}/user/{segment(user_id)}/enabled"))
        return parse(lambda body: [AvailableType.from_json(item) for item in body["enabled"]], response)

    def device_types(self, user_id: str, device_id: str) -> Flow[list[str]]:
        path = f"{PORTAL}/user/{segment(user_id)}/device/{segment(device_id)}/enabled"
        response = yield from self.sender.send(Request("GET", path))
        return parse(lambda body: [str(name) for name in body["enabled"]], response)

    def create_enrollment_code(self, user_id: str, application_id: str) -> Flow[EnrollmentCode]:
        form = {"application_id": application_id}
        request = Request("POST", f"{USERS}/{segment(user_id)}/enrollment-codes", form=form)
        return parse(EnrollmentCode.from_json, (yield from self.sender.send(request)))

    def devices(self, user_id: str) -> Flow[list[UserDevice]]:
        request = Request("GET", f"{USERS}/{segment(user_id)}/devices")
        response, _is_ambiguous = yield from self.sender.send_tracked(request)
        if response.status == 404 and read_json(response).get("error") == "No devices found":
            return []
        return parse(lambda body: [UserDevice.from_json(item) for item in body["devices"]], require_success(response))

    def delete_device(self, user_id: str, device_id: str) -> Flow[None]:
        yield from self.sender.send(Request("DELETE", f"{USERS}/{segment(user_id)}/devices/{segment(device_id)}"))

    def delete_devices(self, user_id: str, device_ids: Iterable[str]) -> Flow[None]:
        body = {"delete": list(device_ids)}
        yield from self.sender.send(Request("POST", f"{USERS}/{segment(user_id)}/devices", json=body))

    def delete_all_devices(self, user_id: str) -> Flow[None]:
        yield from self.sender.send(Request("DELETE", f"{USERS}/{segment(user_id)}/devices"))

    def disable(self, action: str, user_id: str, device_id: str) -> Flow[None]:
        path = f"{USERS}/{segment(user_id)}/devices/{segment(device_id)}/{action}"
        yield from self.sender.send(Request("POST", path))

    def events_page(self, page: int, size: int, filters: Mapping[str, Any]) -> Flow[EventPage]:
        query = [("page", str(page)), ("size", str(size)), *_query(filters)]
        response = yield from self.sender.send(Request("GET", "/oauth/api/v1/events", query=tuple(query)))
        return parse(EventPage.from_json, response)

    def events(self, filters: Mapping[str, Any]) -> Generator[Request | Pause | Event, Reply, None]:
        """Yield all events, newest first, one page after the other.

        Events that occur meanwhile move others to the next page. The period therefore ends with the first event.
        """
        page, previous = 0, set[str]()
        while True:
            found = yield from self.events_page(page, PAGE_SIZE, filters)
            if page == 0 and found.events and filters.get("end_date") is None:
                filters = {**filters, "end_date": found.events[0].occurred}
            yield from (event for event in found.events if event.event_identifier not in previous)
            page, previous = page + 1, {event.event_identifier for event in found.events}
            if page >= found.total_pages:
                return


def _query(filters: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    for name, value in filters.items():
        is_list = not isinstance(value, str | int | None)
        yield from ((name, str(item)) for item in (value if is_list else [value]) if item is not None)
