"""Staff accounts: who may use the console."""

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
from apps.events.types import EventType
from apps.staff.roles import GROUPS, Role

# Membership means: this account still has the password that somebody else chose.
FIRST_PASSWORD = "first password"
SECRET_FIELDS = ("password", "last_login")


def create(*, name: str, role: str, who: str) -> str:
    """Make a staff account and return its first password, which has to be changed at the first sign-in.

    ValidationError says what is wrong with the name, also when it is taken.
    """
    if role not in Role.values:
        raise ValidationError(_("There is no role “%(role)s”."), params={"role": role})
    if get_user_model().objects.filter(username__iexact=name).exists():
        raise ValidationError(_("There is already a staff account named “%(name)s”."), params={"name": name})
    password = secrets.token_urlsafe(15)
    user = User(username=name, is_staff=True)
    user.set_password(password)
    user.full_clean()
    with transaction.atomic():
        user.save()
        require_new_password(user)
        give_role(user, Role(role))
        after = snapshot(user)
        changes.record(
            EventType.ADMIN_CONFIGURATION_CREATED, who=who, row=user, before=changes.EMPTY_SNAPSHOT, after=after
        )
    return password


def may_enter(user: AbstractBaseUser | AnonymousUser) -> bool:
    return isinstance(user, User) and user.is_active and user.is_staff and role_of(user) is not None


def role_of(user: User) -> Role | None:
    """Return the role of an account, active or not; None when it never got one."""
    if user.is_superuser:
        return Role.ADMIN
    return next((role for role in GROUPS if role.value in _group_names(user)), None)


def _group_names(user: User) -> set[str]:
    """Return the names of an account's groups, which are read once a request."""
    prefetch_related_objects([user], "groups")
    return {group.name for group in user.groups.all()}


def give_role(user: User, role: Role) -> None:
    """Give an account this role and no other. Who is signed in with it has to sign in again."""
    user.is_superuser = role == Role.ADMIN
    user.save(update_fields=["is_superuser"])
    user.groups.remove(*Group.objects.filter(name__in=GROUPS))
    if role in GROUPS:
        group, _created = Group.objects.get_or_create(name=role.value)
        user.groups.add(group)
    end_sessions(user)


def end_sessions(user: User) -> None:
    """Sign an account out everywhere. A console has few sessions, so they are looked through."""
    for session in Session.objects.filter(expire_date__gt=timezone.now()):
        if session.get_decoded().get(SESSION_KEY) == str(user.pk):
            session.delete()


def snapshot(user: User) -> changes.Snapshot:
    """Take an account down for an event, with its role in place of the flag that an administrator is known by."""
    taken = changes.snapshot(user, SECRET_FIELDS)
    plain = {name: value for name, value in taken.plain.items() if name != "is_superuser"}
    return changes.Snapshot({**plain, "role": role_of(user)}, taken.secret)


def require_new_password(user: User) -> None:
    group, _created = Group.objects.get_or_create(name=FIRST_PASSWORD)
    user.groups.add(group)


def must_change_password(user: AbstractBaseUser | AnonymousUser) -> bool:
    return isinstance(user, User) and FIRST_PASSWORD in _group_names(user)


def password_changed(user: User, by: User) -> None:
    """Note that `by` gave `user` a new password: one's own is final, somebody else's is a first one again."""
    if user.pk == by.pk:
        user.groups.through.objects.filter(user=user, group__name=FIRST_PASSWORD).delete()
    else:
        require_new_password(user)
    after = snapshot(user)
    before = changes.Snapshot(plain=after.plain, secret={**after.secret, "password": ""})
    changes.record(EventType.ADMIN_CONFIGURATION_UPDATED, who=by.get_username(), row=user, before=before, after=after)
