"""The roles of staff accounts, and the permissions of Django's own that they consist of."""

from typing import Any

from django.apps import AppConfig
from django.apps import apps as installed
from django.db import models
from django.utils.translation import gettext_lazy as _


class Role(models.TextChoices):
    """An administrator is a superuser and needs no permissions; each of the others is a group with this name."""

    ADMIN = "admin", _("Administrator: may do everything")
    OPERATOR = "operator", _("Operator: may look at everything")
    HELPDESK = "helpdesk", _("Helpdesk: may look at users and transactions")


GROUPS = (Role.OPERATOR, Role.HELPDESK)
# By app: the models that helpdesk may look at. The last events of a user stand on the user's page.
HELPDESK_MODELS = {"enrollment": {"profile"}, "transactions": {"transaction"}}


def grant(app_config: AppConfig, using: str, apps: Any = installed, **_kwargs: Any) -> None:
    """Give the roles what they may see of one app. Runs after every migration, so that no new model is forgotten."""
    if not app_config.name.startswith("apps.") and app_config.label != "auth":
        return
    try:
        group_model, permission_model = apps.get_model("auth", "Group"), apps.get_model("auth", "Permission")
    except LookupError:
        # The tables of accounts come with a later migration, after which this runs again.
        return
    permissions = permission_model.objects.using(using).filter(content_type__app_label=app_config.label)
    for role in GROUPS:
        group, _created = group_model.objects.using(using).get_or_create(name=role.value)
        held = group.permissions.filter(content_type__app_label=app_config.label)
        wanted = permissions.filter(codename__in=visible(app_config, role))
        group.permissions.remove(*held.exclude(pk__in=wanted))
        group.permissions.add(*wanted)


def visible(app_config: AppConfig, role: Role) -> list[str]:
    """Return the codenames of an app's permissions to look at, as far as the role has them."""
    shown = {"user"} if app_config.label == "auth" else {model._meta.model_name for model in app_config.get_models()}
    if role == Role.HELPDESK:
        shown = HELPDESK_MODELS.get(app_config.label, set())
    return [f"view_{name}" for name in shown]
