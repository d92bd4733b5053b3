"""Roles of staff accounts and their permissions."""

from typing import Any

from django.apps import AppConfig
from django.apps import apps as installed
from django.db import models
from django.utils.translation import gettext_lazy as _


class Role(models.TextChoices):
    """Role of an account: an administrator is a superuser, every other role is a group with its name."""

    ADMIN = "admin", _("Administrator: full access")
    OPERATOR = "operator", _("Operator: read-only access to all pages")
    HELPDESK = "helpdesk", _("Helpdesk: read-only access to users and transactions")


GROUPS = (Role.OPERATOR, Role.HELPDESK)
# The models that helpdesk may view, by app. The page of a user shows its latest events.
HELPDESK_MODELS = {"enrollment": {"profile"}, "transactions": {"transaction"}}


def grant_permissions(app_config: AppConfig, using: str, apps: Any = installed, **_kwargs: Any) -> None:
    """Grant the roles their permissions for one app. Runs after every migration, so that it covers new models."""
    if not app_config.name.startswith("apps.") and app_config.label != "auth":
        return
    try:
        group_model, permission_model = apps.get_model("auth", "Group"), apps.get_model("auth", "Permission")
    except LookupError:
        # A later migration creates the tables of accounts; this runs again after it.
        return
    permissions = permission_model.objects.using(using).filter(content_type__app_label=app_config.label)
    for role in GROUPS:
        group, _created = group_model.objects.using(using).get_or_create(name=role.value)
        current = group.permissions.filter(content_type__app_label=app_config.label)
        expected = permissions.filter(codename__in=view_permissions(app_config, role))
        group.permissions.remove(*current.exclude(pk__in=expected))
        group.permissions.add(*expected)


def view_permissions(app_config: AppConfig, role: Role) -> list[str]:
    """Return the codenames of the role's view permissions in an app."""
    model_names = (
        {"user"} if app_config.label == "auth" else {model._meta.model_name for model in app_config.get_models()}
    )
    if role == Role.HELPDESK:
        model_names = HELPDESK_MODELS.get(app_config.label, set())
    return [f"view_{name}" for name in model_names]
