"""Section of the documentation for each page of the console."""

from django.utils.translation import gettext as _

from apps.common.console.documents import Document

MOBILE_AUTHENTICATION = "console/mobile-authentication.md"
SYSTEM = "console/applications-and-system.md"
USERS = "console/users-and-activity.md"
# Page and anchor by the prefix of the URL name: app and model, or the name of a page without a model.
SECTIONS = {
    "index": ("console.md", "start-page"),
    "password_change": ("console.md", "password"),
    "second_factor": ("console.md", "second-factor"),
    "system_generalconfiguration_": (MOBILE_AUTHENTICATION, "general"),
    "push_pushmessagingconfiguration_": (MOBILE_AUTHENTICATION, "push-messaging-configuration"),
    "transactions_mobileauthenticationtype_": (MOBILE_AUTHENTICATION, "mobile-authentication-types"),
    "callbacks_": (MOBILE_AUTHENTICATION, "callback-endpoints"),
    "integrations_": (MOBILE_AUTHENTICATION, "keycloak-integrations"),
    "geocontext_confirmationtemplate_": (MOBILE_AUTHENTICATION, "confirmation-template"),
    "send_test_sms": (MOBILE_AUTHENTICATION, "mobile-authentication-types"),
    "applications_application_": (SYSTEM, "applications"),
    "applications_apiclient_": (SYSTEM, "api-clients"),
    "ciba_": (SYSTEM, "api-clients"),
    "system_features_": (SYSTEM, "features"),
    "system_apnsproxy_": (SYSTEM, "proxy"),
    "geocontext_geolocation_": (SYSTEM, "geolocation"),
    "auth_user_": (SYSTEM, "staff-accounts"),
    "check_configuration": (SYSTEM, "check-configuration"),
    "configuration_": (SYSTEM, "configuration-file"),
    "enrollment_": (USERS, "users"),
    "transactions_transaction_": (USERS, "transactions"),
    "transactions_smsusage_": (USERS, "transactions"),
    "try_authentication": (USERS, "try-an-authentication"),
    "events_event_": (USERS, "activity"),
}


def document_of(page: str) -> Document:
    """Return the section for a page, identified by its URL name; for an unknown page, the page about the console."""
    found = (section for prefix, section in SECTIONS.items() if page.startswith(prefix))
    return Document(_("Documentation"), *next(found, ("console.md", "")))
