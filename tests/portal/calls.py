"""Client of the portal API for tests, in any version."""

from apps.enrollment.models import Device
from tests.api.calls import CALLBACK


class PortalApi:
    """Client of one version of the API with the credentials of a portal."""

    def __init__(self, portal, version):
        self.portal, self.version = portal, version
        self.base = f"/oauth/api/v{version}/authenticate"

    def start(self, mobile_type, device=None, *, key="", **fields):
        """E3. The device is identified as this version requires. Fields with the value None are omitted."""
        form = {"type": mobile_type.name, "user_id": "anna", "callback_uri": CALLBACK, **self.target(device), **fields}
        headers = {"Idempotency-Key": key} if key else {}
        return self.portal.post(
            f"{self.base}/user", {name: value for name, value in form.items() if value is not None}, **headers
        )

    def start_otp(self, mobile_type, **fields):
        return self.start(mobile_type, user_id=None, **fields)

    def target(self, device):
        if device is None or self.version == 2:
            return {}
        return {"device_id": device.device_id} if self.version == 4 else {"app_id": application_of(device)}

    def types(self, user_id="anna"):
        """E2."""
        return self.portal.get(f"{self.base}/user/{user_id}/enabled")

    def type_names(self, device, user_id="anna"):
        """E1, for the device or (version 3) its application."""
        return self.portal.get(self.type_names_path(device, user_id))

    def type_names_path(self, device, user_id="anna"):
        paths = {
            2: "enabled/types",
            3: f"application/{application_of(device)}/enabled",
            4: f"device/{device.device_id}/enabled",
        }
        return f"{self.base}/user/{user_id}/{paths[self.version]}"

    def result(self, transaction_id):
        """E4."""
        return self.portal.get(f"{self.base}/transaction/{transaction_id}")

    def verify(self, transaction_id, code, user_id="anna"):
        """E5."""
        return self.portal.post(f"{self.base}/user/{user_id}/sms", {"transaction_id": transaction_id, "sms_code": code})

    def resend_code(self, transaction_id, user_id="anna"):
        """E6."""
        return self.portal.post(f"{self.base}/user/{user_id}/sms/resend", {"transaction_id": transaction_id})

    def resend_push(self, transaction_id):
        """E7."""
        return self.portal.post(f"{self.base}/transaction/{transaction_id}/resend", {})

    def cancel(self, transaction_id):
        """E8."""
        return self.portal.client.delete(
            f"{self.base}/transaction/{transaction_id}", headers={"Authorization": self.portal.authorization}
        )


def application_of(device):
    return Device.objects.get(device_id=device.device_id).version.application.identifier
