"""Descriptions of the operations of the user API."""

_ACCESS = "The API client must have the API `end_user`."
_SUCCESS = (
    "The response is 204 even if the device is unknown or belongs to another user. "
    "Other users of the device are not affected."
)

ENROLLMENT_CODE = f"""Creates an enrolment code with which a device can enrol the user. {_ACCESS}

The code is valid once, for ten minutes, in the application of the request. `enrollment_uri` is the same code as a
link for the app, for example in a QR code, and `web_enrollment_uri` as a link to the web phone, if the application has
it. The user does not have to exist. The body can also be a form with the same field.

- `not_found`: the application does not exist.
- `invalid_request`: the user id or the application id is missing or invalid.
"""

LIST_DEVICES = f"""Lists the devices of a user, oldest first. {_ACCESS}

The response is 404 with `No devices found` for a user without devices and for an unknown user.
"""

DELETE_DEVICES = f"""Deletes several devices of a user: the keys, authenticators and push tokens of this user on them.
{_ACCESS}

{_SUCCESS} If a device cannot be deleted, the others are still deleted, and the response 500 lists the remaining
devices.
"""

DELETE_ALL_DEVICES = f"""Deletes all devices of a user: the keys, authenticators and push tokens of this user on them.
{_ACCESS}

The response is 204 even if the user has no device. Other users of the devices are not affected. If a device cannot be
deleted, the others are still deleted, and the response is `internal_error`. Repeat the request.
"""

DELETE_DEVICE = f"""Deletes one device of a user: the keys, authenticators and push token of this user on it.
{_ACCESS}

{_SUCCESS}
"""

DISABLE_FINGERPRINT = f"""Revokes the fingerprint of a user on a device. {_ACCESS}

The user must approve with the PIN until the app registers the fingerprint again. {_SUCCESS}
"""

DISABLE_MOBILE_AUTHENTICATION = f"""Revokes mobile authentication of a user on a device. {_ACCESS}

The user's keys, authenticators and push token are deleted. The device stays in the list and its bearer token stays
valid: if the user enrols on it again, `device_id` and `profile_id` are the same. {_SUCCESS}
"""

DISABLE_PUSH_AUTHENTICATION = f"""Revokes push authentication of a user on a device. {_ACCESS}

The push token is deleted, and a browser without push gets no more requests. The user can still scan one-time
passwords. {_SUCCESS}
"""
