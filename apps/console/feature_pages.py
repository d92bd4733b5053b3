"""Pages that belong to a feature: while it is off they stand in no menu, and their addresses lead nowhere."""

from apps.system import services as system

# The beginnings of the names of their addresses: app and model.
MOBILE_AUTHENTICATION = (
    "system_generalconfiguration_",
    "push_pushmessagingconfiguration_",
    "transactions_mobileauthenticationtype_",
    "transactions_smsusage_",
    "callbacks_callbackendpoint_",
    "callbacks_callbackdelivery_",
    "geocontext_confirmationtemplate_",
    "send_test_sms",
)
GEOLOCATION = ("geocontext_geolocation_", "geocontext_confirmationtemplate_")


def is_hidden(page: str) -> bool:
    """Say whether a page, by the name of its address, belongs to a feature that is off."""
    features = system.features()
    return (not features.mobile_authentication and page.startswith(MOBILE_AUTHENTICATION)) or (
        not features.geolocation and page.startswith(GEOLOCATION)
    )
