"""Pages of a feature: while the feature is off, they are not in the menu and return 404."""

from apps.system import services as system

# Prefixes of the URL names: app and model.
MOBILE_AUTHENTICATION = (
    "system_generalconfiguration_",
    "push_pushmessagingconfiguration_",
    "transactions_mobileauthenticationtype_",
    "transactions_smsusage_",
    "callbacks_callbackendpoint_",
    "callbacks_callbackdelivery_",
    "geocontext_confirmationtemplate_",
    "integrations_keycloakintegration_",
    "send_test_sms",
    "try_authentication",
)


def is_hidden(page: str) -> bool:
    """Return True if the page, identified by its URL name, belongs to a feature that is off."""
    return not system.features().mobile_authentication and page.startswith(MOBILE_AUTHENTICATION)
