"""Descriptions of the operations of the portal API."""

_ACCESS = "The API client must have the API `mobile_authentication`."
_NOT_FOUND = "Error 3004: the transaction does not exist, or another API client initiated it."
_VERSION = "Error 4001: the push enrolment mode allows multiple devices, which requires version 4."

INITIATE = f"""Initiates a transaction of a mobile authentication type. {_ACCESS}

The parameters are a form in UTF-8. An empty parameter counts as absent; a repeated one is error 1003. `auth_method`
in the response is the method that is used: the type itself or its fallback. For push, version 4 names the device by
`device_id` and version 3 the application by `app_id`. For OTP, `user_id` must be omitted.

A request without a response can be repeated with the same `Idempotency-Key`. The repeat gets the stored response
until the transaction expires.

- 1001: the user cannot be authenticated with this type, or does not exist. The two cases are indistinguishable.
- 1002, 3002: the push or the SMS could not be stored. Repeat the request later.
- 1003: a parameter is missing, invalid or repeated. The description names it.
- 1005: the message is too long.
- 1429: a limit of the user or the phone number is reached. Repeat the request after `Retry-After` seconds.
- 3000: SMS authentication is not enabled. 3001: the phone number is missing, invalid or not allowed.
- 3005: the type does not exist.
- `idempotency_in_progress`: the first request with this key is still running. Repeat the request shortly afterwards.
- `idempotency_key_reused`: the key was used with other parameters. Use a new key.
"""

RESULT = f"""Returns the status of a transaction. {_ACCESS}

The result can be requested any number of times, until the transaction is purged. `status` is `pending`,
`authenticated`, `not_authenticated`, `expired` or `cancelled`; every status except `pending` is final. A callback is
only a notification: the portal must read the result here.

{_NOT_FOUND}
"""

CANCEL = f"""Cancels a pending transaction. {_ACCESS}

The user can then no longer answer it, and no callback is sent. Error 3004: the transaction does not exist, has ended,
or another API client initiated it.
"""

RESEND_PUSH = f"""Sends the push of a pending transaction again, as often as its type allows. Nothing is sent to a
browser without push, which fetches its requests. {_ACCESS}

- 1002: the push could not be stored. Repeat the request later.
- 1429: a push limit of the user is reached. Repeat the request after `Retry-After` seconds.
- 3004: the transaction is not a pending push of this API client, or push types do not reach the device.
- 3006: the resend limit of the type is reached.
"""

VERIFY_CODE = f"""Verifies the code that the user received by SMS, and ends the transaction if it is correct.
{_ACCESS}

- 1003: a parameter is missing, invalid or repeated.
- 1429: too many wrong codes of this user. Repeat the request after `Retry-After` seconds.
- 3000: SMS authentication is not enabled.
- 3003: the code is wrong. It counts as an attempt; the last attempt that the type allows ends the transaction.
- 3004: the transaction is not a pending SMS transaction of this user and this API client.
"""

VERIFY_PHONE_CODE = f"""Verifies the code that the device shows for a type with `code_to_phone`, and ends the
transaction if it is correct. {_ACCESS}

The device gets the code after the authenticator of the method has unlocked it; before that, no code is correct. A
callback is sent as for every push.

- 1003: a parameter is missing, invalid or repeated.
- 1429: too many wrong codes of this user. Repeat the request after `Retry-After` seconds.
- 3003: the code is wrong. It counts as an attempt; the last attempt that the type allows ends the transaction.
- 3004: the transaction is not a pending one with `code_to_phone` of this user and this API client, or its device was
  removed, disabled or locked.
"""

RESEND_CODE = f"""Sends the same code by SMS again, as often as the type allows. The lifetime of the transaction does
not change. {_ACCESS}

- 1003: the parameter `transaction_id` is missing or repeated.
- 3000: SMS authentication is not enabled.
- 3002: the SMS could not be stored. Repeat the request later.
- 1429: an SMS limit is reached. Repeat the request after `Retry-After` seconds.
- 3004: the transaction is not a pending SMS transaction of this API client.
- 3005: the transaction belongs to another user.
- 3006: the resend limit is reached.
"""

USER_TYPES = f"""Lists the mobile authentication types that are available to a user. {_ACCESS}

A type is listed if its own method or its fallback can be used. A push type lists where the user can be reached by
push: the devices in version 4, the applications in versions 2 and 3. The list is empty for an unknown user and for a
user without an enrolment.
"""

USER_TYPES_BY_APPLICATION = f"""{USER_TYPES}
{_VERSION}
"""

DEVICE_TYPES = f"""Lists the names of the mobile authentication types that are available on one device of a user.
{_ACCESS}

A type is listed if its own method or its fallback can be used. The list is empty if the user or the device is unknown
or no type is available.
"""

APPLICATION_TYPES = f"""Lists the names of the mobile authentication types available to a user in one application.
{_ACCESS}

A type is listed if its own method or its fallback can be used. The list is empty if the user or the application is
unknown or no type is available.

{_VERSION}
"""

TYPE_NAMES = f"""Lists the names of the mobile authentication types that are available to a user. {_ACCESS}

A type is listed if its own method or its fallback can be used.

{_VERSION}
"""
