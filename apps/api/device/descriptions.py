"""Descriptions of the operations of the device API."""

_RETRY = "The request can be repeated if no response arrives."
_VERSION = (
    "`version_not_enabled`: the application version is not allowed to make this call. Request an update of the app."
)
_PROFILE = "`invalid_profile`: the profile is not on this device, or its keys were removed. Enrol the user again."

ENROLLMENTS = """Returns all profiles of the device that authenticates, oldest first, with everything that the app
needs for its screens. Devices of a disabled application version can also call it. A user id is never included.

`invalid_device_token`: the device token is missing or unknown. Delete all data and enrol as a new device.
"""

ENROLL = f"""Enrols the keys of a user with a one-time enrolment code: `public_keys` (JOSE) or `public_key` (OpenPGP).

Without a bearer token, the server creates a new device and returns its `device_token` once. With the token of an
enrolled device, the user is added to that device, or the user's keys on it are replaced. The code is used only if the
enrolment succeeds.

- `invalid_enrollment_code`: the code is wrong, used, expired or for another application. After a request without a
  response, it can also mean that the first request succeeded. Request a new code.
- `invalid_public_key`: the key is weak, unusable or from the future. The code stays valid.
- {_VERSION}
- `enrollment_disabled` (9017): enrolment is switched off.
"""

UNENROLL = f"""Removes a profile with its keys, authenticators and push token from the device.

After the last profile, the device token is no longer valid. {_RETRY}

{_PROFILE}
"""

ENROLL_PUSH = f"""Stores the push token of the device for a profile, or replaces it. The profile can then be reached
by push. {_RETRY}

- {_PROFILE}
- {_VERSION}
- `enrollment_disabled` (9017): enrolment or push enrolment is switched off, or the application version has no push
  configuration.
- `push_token_in_use` (9016): another device has this push token. Get a new one from the push provider.
- `user_already_enrolled` (9018): the push enrolment mode allows one device, and push types reach the user on another
  one, which can be a browser without push.
"""

REPLACE_PUSH_TOKEN = f"""Replaces a push token in all profiles of the device that use it. {_RETRY}

- `invalid_request`: no profile of this device has the old push token. After a repeated request, this means that the
  first one succeeded.
- {_VERSION}
- `push_token_in_use` (9016): another device has the new push token. Get a new one from the push provider.
"""

REGISTER_AUTHENTICATOR = f"""Registers a PIN, a fingerprint or a custom authenticator, or replaces it. Returns its
token in a sealed message.

The sealed request contains a nonce and must not be repeated. Every registration except that of a first PIN must
contain the token of the current PIN.

- {_PROFILE}
- `invalid_message`: the message is not signed by this profile, not encrypted to the server, or its content is
  invalid.
- `invalid_pin`: the current PIN is wrong. `used_attempts` and `max_attempts` are in the response.
- `disconnected` (9003): too many wrong PINs. The server has deleted the profile.
- `authenticator_not_enabled`: the application does not allow this authenticator.
- {_VERSION}
"""

PENDING = """Lists the pending transactions of all profiles of the device, oldest first, with their public messages.

Request it when the app starts or becomes active, because a push can be lost. Confidential content is only in the
challenge.
"""

FETCH = f"""Returns the challenge of a pending transaction in a sealed message: what the user approves, and the token
for the answer.

It can be requested again while the transaction is pending; the challenge stays the same.

- {_PROFILE}
- `invalid_transaction`: the transaction is unknown, has ended, or belongs to another profile. Remove it from the
  screen.
- {_VERSION}
"""

CLAIM_OTP = f"""Binds the transaction of a scanned one-time password to a profile, and returns its challenge in a
sealed message.

Other users can then no longer scan the one-time password. The same profile can repeat the request while the
transaction is pending.

- {_PROFILE}
- `invalid_otp`: the one-time password is wrong or expired, or another user has scanned it. Scan again.
- {_VERSION}
"""

FETCH_CODE = f"""Returns the code of a transaction with `code_to_phone` in a sealed message, in exchange for the sealed
credential of its method.

The device shows the code to its user, who enters it in the portal. For the method `push`, the challenge already
contains the code. If no response arrives, repeat the request with the same bytes: an identical request is verified
once. The counters of wrong credentials are those of answers.

- `invalid_transaction`: the transaction is unknown, has no code, has ended, belongs to another profile, or the user is
  locked.
- `invalid_message`: the message does not belong to this challenge, or lacks a required credential. It is not counted.
- `invalid_pin`: the PIN is wrong. `used_attempts` and `max_attempts` are in the response. The transaction stays
  pending.
- `authenticator_revoked`: the token of the fingerprint or custom authenticator is wrong. Delete it and request the
  PIN.
- `disconnected` (9003): too many wrong PINs. The server has deleted the profile.
- {_VERSION}
"""

ANSWER = f"""Approves or denies a transaction with a sealed answer, and returns the status of the transaction.

If no response arrives, repeat the request with the same bytes: an identical answer is verified once and always gets
the same response. A newly sealed answer counts as another attempt.

- `invalid_transaction`: the transaction is unknown, has ended, or belongs to another profile.
- `invalid_message`: the answer is not valid for this challenge, or lacks a required credential. It is not counted.
- `invalid_pin`: the PIN is wrong. `used_attempts` and `max_attempts` are in the response. The transaction stays
  pending.
- `authenticator_revoked`: the token of the fingerprint or custom authenticator is wrong. Delete it and request the
  PIN.
- `disconnected` (9003): too many wrong PINs. The server has deleted the profile.
- {_VERSION}
"""
