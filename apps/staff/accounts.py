"""Staff accounts of the console."""

import secrets

from django.contrib.auth import SESSION_KEY, get_user_model
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, Group, User
from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import prefetch_related_objects
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.events import changes
from apps.events.types import EventTypes
from apps.staff.roles import GROUPS, Role

# Group of the accounts whose password was set by another person.
INITIAL_PASSWORD_GROUP = "first password"
SECRET_FIELDS = ("password", "last_login")


def create(*, name: str, role: str, who: str) -> str:
    """Create a staff account and return its initial password, which must be changed at the first sign-in.

    Raises ValidationError if the role is unknown, or the name is invalid or taken.
    """
    if role not in Role.values:
        raise ValidationError(_("Unknown role “%(role)s”."), params={"role": role})
    if get_user_model().objects.filter(username__iexact=name).exists():
        raise ValidationError(_("A staff account named “%(name)s” already exists."), params={"name": name})
    password = secrets.token_urlsafe(15)
    user = User(username=name, is_staff=True)
    user.set_password(password)
    user.full_clean()
    with transaction.atomic():
        user.save()
        require_new_password(user)
        assign_role(user, Role(role))
        after = snapshot(user)
        changes.record(
            EventTypes.ADMIN_CONFIGURATION_CREATED, who=who, row=user, before=changes.EMPTY_SNAPSHOT, after=after
        )
    return password


def has_console_access(user: AbstractBaseUser | AnonymousUser) -> bool:
    return isinstance(user, User) and user.is_active and user.is_staff and get_role(user) is not None


def get_role(user: User) -> Role | None:
    """Return the role of an account, active or not, or None if it has no role."""
    if user.is_superuser:
        return Role.ADMIN
    return next((role for role in GROUPS if role.value in _group_names(user)), None)


def _group_names(user: User) -> set[str]:
    """Return the names of the account's groups, which are read once per request."""
    prefetch_related_objects([user], "groups")
    return {group.name for group in user.groups.all()}


def assign_role(user: User, role: Role) -> None:
    """Replace the role of an account and end its sessions."""
    user.is_superuser = role == Role.ADMIN
    user.save(update_fields=["is_superuser"])
    user.groups.remove(*Group.objects.filter(name__in=GROUPS))
    if role in GROUPS:
        group, _created = Group.objects.get_or_create(name=role.value)
        user.groups.add(group)
    end_sessions(user)


def end_sessions(user: User) -> None:
    """End all sessions of an account. All sessions are decoded, since there are few."""
    for session in Session.objects.filter(expire_date__gt=timezone.now()):
        if session.get_decoded().get(SESSION_KEY) == str(user.pk):
            session.delete()


def snapshot(user: User) -> changes.Snapshot:
    """Return the account's fields for an audit event, with the role instead of `is_superuser`."""
    fields = changes.snapshot(user, SECRET_FIELDS)
    plain = {name: value for name, value in fields.plain.items() if name != "is_superuser"}
    return changes.Snapshot({**plain, "role": get_role(user)}, fields.secret)


def require_new_password(user: User) -> None:
    group, _created = Group.objects.get_or_create(name=INITIAL_PASSWORD_GROUP)
    user.groups.add(group)


def must_change_password(user: AbstractBaseUser | AnonymousUser) -> bool:
    return isinstance(user, User) and INITIAL_PASSWORD_GROUP in _group_names(user)


def record_password_change(user: User, actor: User) -> None:
    """Record that `actor` changed the password of `user`; another person's password must be changed at the sign-in."""
    if user.pk == actor.pk:
        user.groups.through.objects.filter(user=user, group__name=INITIAL_PASSWORD_GROUP).delete()
    else:
        require_new_password(user)
    after = snapshot(user)
    before = changes.Snapshot(plain=after.plain, secret={**after.secret, "password": ""})
    changes.record(
        EventTypes.ADMIN_CONFIGURATION_UPDATED, who=actor.get_username(), row=user, before=before, after=after
    )
