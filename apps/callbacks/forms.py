from apps.callbacks.models import CallbackEndpoint
from apps.common.forms import StoredPasswordForm


class CallbackEndpointForm(StoredPasswordForm):
    class Meta:
        model = CallbackEndpoint
        fields = ("url", "username")
