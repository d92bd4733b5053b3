"""Sections of the configuration file. Add a line for a new member and a `Section` for a new section."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from django.db.models import Model, Prefetch, QuerySet

from apps.applications.models import ApiClient, Application, ApplicationVersion
from apps.callbacks.models import CallbackEndpoint
from apps.ciba.models import CibaClient, DeliveryMode, validate_type
from apps.configuration.ciba_members import KeySet, ReferenceList
from apps.configuration.credentials import (
    Certificate,
    ClientSecret,
    ClientSecretHash,
    ServerKey,
    ServiceAccount,
    SigningKey,
    SigningSecrets,
    VapidPrivateKey,
)
from apps.configuration.localized_texts import ConfirmationTexts, LocalizedText
from apps.configuration.members import Boolean, Choice, Integer, Member, Reference, SecretText, Text, TextList
from apps.geocontext.models import ConfirmationTemplate, Geolocation
from apps.integrations.models import KeycloakIntegration
from apps.push.models import ALLOWED_FIELDS, KIND_FIELDS, Platform, PushMessagingConfiguration
from apps.push.problems import deprecations_of
from apps.system.models import ApnsProxy, Features, GeneralConfiguration
from apps.transactions.types import MobileAuthenticationType, field_warnings, mark_fallback_cycles

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

Key = tuple[str, ...]
# The name of a member and the warning about its value.
MemberWarning = tuple[str, "StrPromise"]


def _all_applicable(_row: Model) -> Collection[str]:
    return ()


def _prepare_nothing(_rows: Collection[Any]) -> None:
    pass


def _no_warnings(_row: Any) -> Iterable[MemberWarning]:
    return ()


@dataclass(frozen=True)
class Section:
    """List of items that are matched by `key`. Without a key, one mapping for a model with one row.

    `children` are lists within an item, named like the relation of the item's model; `parent` is the field that refers
    to the item. A child without a key is a mapping. A section that `is_read_last` refers to items of later sections.
    `inapplicable` returns the members that a row of this kind does not have: they are not exported, and an import that
    changes the kind clears them. With `value_member`, the section is the value of this member of a
    model with one row. `prepare` receives all rows of the file and the database before they are validated, for rules
    that compare many rows. `warnings` yields warnings about deprecated or discouraged values.
    """

    name: str
    model: type[Model]
    members: tuple[Member, ...]
    key: Key = ()
    children: tuple["Section", ...] = ()
    parent: str = ""
    inapplicable: Callable[[Model], Collection[str]] = _all_applicable
    value_member: ConfirmationTexts | None = None
    prepare: Callable[[Collection[Any]], None] = _prepare_nothing
    warnings: Callable[[Any], Iterable[MemberWarning]] = _no_warnings
    is_read_last: bool = False

    @property
    def member_names(self) -> list[str]:
        return [member.name for member in self.members] + [child.name for child in self.children]

    @property
    def unique_members(self) -> list[str]:
        """Names of the members, except the key, whose values must be unique."""
        others = [member for member in self.members if member.name not in self.key]
        return [member.name for member in others if member.model_field(self.model).unique]

    def requires(self, member: Member) -> bool:
        """Return True if a new item requires this member."""
        return member.name in self.key or member.is_required(self.model)

    def key_from(self, item: object) -> Key | None:
        """Return the key of an item, or None if a part of it is missing."""
        parts = [item.get(name) for name in self.key] if isinstance(item, dict) else [None]
        return tuple(str(part) for part in parts) if all(isinstance(part, str) and part for part in parts) else None

    def key_of(self, row: Model) -> Key:
        return tuple(str(getattr(row, name)) for name in self.key)

    @property
    def references(self) -> list[Reference]:
        return [member for member in self.members if isinstance(member, Reference)]

    @property
    def self_references(self) -> list[str]:
        """Names of the fields that refer to an item of the same section."""
        return [member.field for member in self.references if member.model is self.model]

    def rows(self) -> "QuerySet[Any]":
        """Return all rows with related rows, in a fixed number of queries."""
        references = [member.field for member in self.references]
        rows = self.model._default_manager.all()
        # Without arguments, select_related() would follow every foreign key.
        rows = rows.select_related(*references) if references else rows
        lists = [member.field for member in self.members if isinstance(member, ReferenceList)]
        return rows.prefetch_related(*lists, *(Prefetch(child.name, child.rows()) for child in self.children))


@dataclass(frozen=True)
class Group:
    """Mapping of sections."""

    name: str
    sections: tuple[Section, ...]
    is_read_last: bool = False


def _inapplicable_to_kind(row: Model) -> Collection[str]:
    allowed = ALLOWED_FIELDS[cast(PushMessagingConfiguration, row).kind]
    return [name for name in KIND_FIELDS if name not in allowed]


def _inapplicable_to_platform(row: Model) -> Collection[str]:
    ios = [
        "apns_environment",
        "bundle_identifier",
        "send_badge_number",
        "mutable_content",
        "notification_category",
        "interruption_level",
    ]
    members = {str(Platform.IOS): ["cordova"], str(Platform.WEB): ["cordova", *ios]}
    return members.get(cast(ApplicationVersion, row).platform, ios)


def _inapplicable_to_mode(row: Model) -> Collection[str]:
    return ["notification_endpoint"] if cast(CibaClient, row).delivery_mode == DeliveryMode.POLL else []


VERSIONS = Section(
    "versions",
    ApplicationVersion,
    (
        Choice("platform"),
        Text("version"),
        Choice("status"),
        Reference("push_messaging_configuration", model=PushMessagingConfiguration),
        Boolean("cordova"),
        Choice("apns_environment"),
        Text("bundle_identifier"),
        Boolean("send_badge_number"),
        Boolean("mutable_content"),
        Text("notification_category"),
        Choice("interruption_level"),
    ),
    key=("platform", "version"),
    parent="application",
    inapplicable=_inapplicable_to_platform,
)

CIBA = Section(
    "ciba",
    CibaClient,
    (
        Choice("delivery_mode"),
        Text("notification_endpoint"),
        TextList("authentication_methods"),
        KeySet("jwks"),
        Text("jwks_uri"),
        ReferenceList("types", model=MobileAuthenticationType, require=validate_type),
        Reference("default_type", model=MobileAuthenticationType),
        TextList("authorization_details_types"),
    ),
    parent="client",
    inapplicable=_inapplicable_to_mode,
)

# In reading order: sections that others refer to come first.
SECTIONS: tuple[Section | Group, ...] = (
    Section(
        "features",
        Features,
        (
            Boolean("mobile_authentication"),
            Boolean("transaction_signing"),
            Boolean("custom_authenticators"),
            Boolean("geolocation"),
        ),
    ),
    Section(
        "general",
        GeneralConfiguration,
        (
            Boolean("enrollment_enabled"),
            Boolean("unique_pgp_keys_per_enrollment"),
            Boolean("callback_allow_list_enabled"),
            Boolean("push_enrollment_enabled"),
            Choice("push_enrollment_mode"),
            Boolean("push_authorization_enabled"),
            Boolean("sms_authentication_enabled"),
            Text("sms_sender_id"),
            Boolean("callback_on_expiry"),
            Boolean("lock_profile_on_fraud_report"),
            Integer("max_consecutive_code_failures"),
            Integer("code_lock_seconds"),
            Integer("max_pending_transactions"),
            Integer("max_pushes_without_success"),
            Integer("push_cooldown_after_denial_seconds"),
            TextList("sms_allowed_countries"),
            Integer("sms_per_number_per_hour"),
            Integer("sms_per_prefix_per_hour"),
            Integer("sms_per_client_per_day"),
        ),
    ),
    Section(
        "api_clients",
        ApiClient,
        (
            Text("name"),
            Text("client_id"),
            ClientSecret("client_secret", field="secret_hashes"),
            ClientSecretHash("client_secret_hash", field="secret_hashes", alternative_to="client_secret"),
            TextList("apis"),
            TextList("ip_allow_list"),
        ),
        key=("client_id",),
        children=(CIBA,),
        is_read_last=True,
    ),
    Section(
        "push_messaging_configurations",
        PushMessagingConfiguration,
        (
            Text("name"),
            # Without an API version, the model sets one for Android.
            Choice("platform", dependent_fields=("fcm_api_version",)),
            Choice("fcm_api_version"),
            ServiceAccount("service_account", dependent_fields=("project_id",)),
            ServerKey("server_key"),
            Text("endpoint"),
            Text("team_id"),
            Text("key_id"),
            SigningKey("signing_key"),
            Certificate("certificate", dependent_fields=("certificate_expires_at",)),
            Choice("apns_environment"),
            Text("contact"),
            VapidPrivateKey("vapid_private_key", dependent_fields=("vapid_public_key",)),
        ),
        key=("name",),
        inapplicable=_inapplicable_to_kind,
        warnings=deprecations_of,
    ),
    Section(
        "applications",
        Application,
        (
            Text("identifier"),
            Text("name"),
            Boolean("pin_enabled"),
            Integer("max_pin_attempts"),
            Boolean("fingerprint_enabled"),
            TextList("custom_authenticators"),
            Boolean("web_phone"),
        ),
        key=("identifier",),
        children=(VERSIONS,),
    ),
    Section(
        "mobile_authentication_types",
        MobileAuthenticationType,
        (
            Text("name"),
            Choice("method"),
            Integer("time_to_live"),
            Integer("max_resends"),
            Integer("max_attempts"),
            Text("sms_sender_id"),
            Boolean("transaction_signing"),
            Boolean("signing_data_required"),
            Integer("number_matching_digits"),
            Boolean("code_to_phone"),
            TextList("allowed_platforms"),
            Reference("fallback", model=MobileAuthenticationType),
            LocalizedText("default_messages"),
        ),
        key=("name",),
        prepare=mark_fallback_cycles,
        warnings=field_warnings,
    ),
    Section(
        "keycloak_integrations",
        KeycloakIntegration,
        (
            Text("name"),
            Text("realm_url"),
            Text("issuer"),
            Reference("api_client", model=ApiClient, attribute="client_id"),
            Reference("type", model=MobileAuthenticationType),
            TextList("acr_types"),
            Choice("user_id_rule"),
            Text("user_id_prefix"),
            Text("user_id_suffix"),
        ),
        key=("name",),
        is_read_last=True,
    ),
    Section(
        "callback_endpoints",
        CallbackEndpoint,
        (
            Text("url"),
            Text("username"),
            SecretText("password"),
            SigningSecrets("signing_secret", field="signing_secrets"),
        ),
        key=("url",),
    ),
    Group(
        "proxies",
        (
            Section(
                "apns",
                ApnsProxy,
                (Boolean("enabled"), Text("host"), Integer("port"), Text("username"), SecretText("password")),
            ),
        ),
    ),
    Section("geolocation", Geolocation, (Text("url"), SecretText("key"))),
    Section("confirmation_templates", ConfirmationTemplate, (), value_member=ConfirmationTexts("texts")),
)
