"""Asynchronous client of the portal, user and events APIs."""

from collections.abc import AsyncIterator, Iterable
from typing import Self, TypeVar, Unpack

import httpx

from countersign.connection import ClientOptions, Connection, from_httpx, network_error
from countersign.flows import Flow, Pause, Reply, Request, Sender
from countersign.models import (
    AvailableType,
    EnrollmentCode,
    Event,
    EventPage,
    StartedTransaction,
    TransactionResult,
    UserDevice,
)
from countersign.operations import (
    EventFilters,
    Operations,
    OtpOptions,
    PushOptions,
    SmsOptions,
    StartOptions,
)

T = TypeVar("T")


class AsyncClient:
    """Client of a Countersign server for asyncio. Close it, or use it as an asynchronous context manager.

    Each method raises a subclass of `CountersignError`.
    """

    def __init__(self, base_url: str, client_id: str, client_secret: str, **options: Unpack[ClientOptions]) -> None:
        self._connection = Connection(base_url, client_id, client_secret, options)
        self._clock = self._connection.clock
        self._operations = Operations(Sender(self._connection.retry_policy), self._clock.now)
        self._http = httpx.AsyncClient(**self._connection.httpx_options())

    def __repr__(self) -> str:
        return f"<AsyncClient {self._connection.client_id} at {self._connection.base_url}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.close()

    async def close(self) -> None:
        await self._http.aclose()

    async def start(self, type_name: str, **options: Unpack[StartOptions]) -> StartedTransaction:
        """Start an authentication of any type. Repeats use one idempotency key, so that it is started once."""
        return await self._run(self._operations.start(type_name, options))

    async def start_push(
        self, type_name: str, *, user_id: str, callback_uri: str, **options: Unpack[PushOptions]
    ) -> StartedTransaction:
        """Start a push, or the fallback of the type: `auth_method` is the method that was started."""
        return await self.start(type_name, user_id=user_id, callback_uri=callback_uri, **options)

    async def start_sms(
        self, type_name: str, *, user_id: str, phone_number: str, **options: Unpack[SmsOptions]
    ) -> StartedTransaction:
        """Send a verification code by SMS."""
        return await self.start(type_name, user_id=user_id, phone_number=phone_number, **options)

    async def start_otp(
        self, type_name: str, *, callback_uri: str, **options: Unpack[OtpOptions]
    ) -> StartedTransaction:
        """Create a one-time password. Show `qr_data` as a QR code; the user is the one whose device scans it."""
        return await self.start(type_name, callback_uri=callback_uri, **options)

    async def result(self, transaction_id: str) -> TransactionResult:
        """Return the result of a transaction, at any time."""
        return await self._run(self._operations.result(transaction_id))

    async def wait(self, transaction_id: str, timeout: float | None = None) -> TransactionResult:
        """Poll until the transaction has ended, which its time to live ensures.

        Raises WaitTimeout if it is pending after `timeout` seconds.
        """
        return await self._run(self._operations.wait(transaction_id, timeout))

    async def verify_sms(self, user_id: str, transaction_id: str, code: str) -> None:
        """Verify a code that the user entered. Raises InvalidVerificationCode if it is wrong.

        It is not repeated after a NetworkError, because the attempt can have been counted: call `result`.
        """
        await self._run(self._operations.verify_sms(user_id, transaction_id, code))

    async def verify_code(self, user_id: str, transaction_id: str, code: str) -> None:
        """Verify the code that the device showed, if the started transaction has `code_to_phone`.

        Raises the errors of `verify_sms`, and is not repeated either.
        """
        await self._run(self._operations.verify_code(user_id, transaction_id, code))

    async def resend_sms(self, user_id: str, transaction_id: str) -> None:
        """Resend the SMS with the same code."""
        await self._run(self._operations.resend_sms(user_id, transaction_id))

    async def resend_push(self, transaction_id: str) -> None:
        await self._run(self._operations.resend_push(transaction_id))

    async def cancel(self, transaction_id: str) -> None:
        """Cancel a pending transaction. No callback is sent."""
        await self._run(self._operations.cancel(transaction_id))

    async def user_types(self, user_id: str) -> list[AvailableType]:
        """Return the types that are available to a user, with the devices of each."""
        return await self._run(self._operations.user_types(user_id))

    async def device_types(self, user_id: str, device_id: str) -> list[str]:
        """Return the names of the types that are available on a device."""
        return await self._run(self._operations.device_types(user_id, device_id))

    async def create_enrollment_code(self, user_id: str, application_id: str) -> EnrollmentCode:
        return await self._run(self._operations.create_enrollment_code(user_id, application_id))

    async def devices(self, user_id: str) -> list[UserDevice]:
        """Return the devices of a user, oldest first."""
        return await self._run(self._operations.devices(user_id))

    async def delete_device(self, user_id: str, device_id: str) -> None:
        """Delete the data of a user on a device. It is no error if there is none."""
        await self._run(self._operations.delete_device(user_id, device_id))

    async def delete_devices(self, user_id: str, device_ids: Iterable[str]) -> None:
        """Delete the data of a user on several devices. Raises NotAllDevicesDeleted."""
        await self._run(self._operations.delete_devices(user_id, device_ids))

    async def delete_all_devices(self, user_id: str) -> None:
        await self._run(self._operations.delete_all_devices(user_id))

    async def disable_fingerprint(self, user_id: str, device_id: str) -> None:
        await self._run(self._operations.disable("disableFingerprint", user_id, device_id))

    async def disable_push_authentication(self, user_id: str, device_id: str) -> None:
        await self._run(self._operations.disable("disablePushAuthentication", user_id, device_id))

    async def disable_mobile_authentication(self, user_id: str, device_id: str) -> None:
        await self._run(self._operations.disable("disableMobileAuthentication", user_id, device_id))

    async def events_page(self, page: int = 0, size: int = 20, **filters: Unpack[EventFilters]) -> EventPage:
        """Return one page of events, newest first. `size` is at most 1000."""
        return await self._run(self._operations.events_page(page, size, filters))

    async def events(self, **filters: Unpack[EventFilters]) -> AsyncIterator[Event]:
        """Iterate asynchronously over all events, newest first. Pages are requested as needed."""
        flow = self._operations.events(filters)
        reply: Reply = None
        while True:
            try:
                effect = flow.send(reply)
            except StopIteration:
                return
            if isinstance(effect, Event):
                yield effect
                reply = None
            else:
                reply = await self._perform(effect)

    async def _run(self, flow: Flow[T]) -> T:
        reply: Reply = None
        while True:
            try:
                effect = flow.send(reply)
            except StopIteration as end:
                result: T = end.value
                return result
            reply = await self._perform(effect)

    async def _perform(self, effect: Request | Pause) -> Reply:
        if isinstance(effect, Pause):
            await self._clock.sleep_async(effect.seconds)
            return None
        try:
            return from_httpx(await self._http.request(**self._connection.to_httpx(effect)))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return network_error(error)
