"""Staff accounts: who may use the console."""

import secrets

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, Group, User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from apps.events import changes
from apps.events.types import EventType

ROLES = ("admin",)
# Membership means: this account still has the password that somebody else chose.
FIRST_PASSWORD = "first password"
SECRET_FIELDS = ("password", "last_login")


def create(*, name: str, role: str, who: str) -> str:
    """Make a staff account and return its first password, which has to be changed at the first sign-in.

    ValidationError says what is wrong with the name, also when it is taken. Every role so far may do everything.
    """
    if role not in ROLES:
        raise ValidationError(_("There is no role “%(role)s”."), params={"role": role})
    if get_user_model().objects.filter(username__iexact=name).exists():
        raise ValidationError(_("There is already a staff account named “%(name)s”."), params={"name": name})
    password = secrets.token_urlsafe(15)
    user = User(username=name, is_staff=True, is_superuser=True)
    user.set_password(password)
    user.full_clean()
    with transaction.atomic():
        user.save()
        require_new_password(user)
        after = changes.snapshot(user, SECRET_FIELDS)
        changes.record(EventType.ADMIN_CONFIGURATION_CREATED, who=who, row=user, before=changes.NOTHING, after=after)
    return password


def require_new_password(user: User) -> None:
    group, _created = Group.objects.get_or_create(name=FIRST_PASSWORD)
    user.groups.add(group)


def must_change_password(user: AbstractBaseUser | AnonymousUser) -> bool:
    return isinstance(user, User) and user.groups.filter(name=FIRST_PASSWORD).exists()


def password_changed(user: User, by: User) -> None:
    """Note that `by` gave `user` a new password: one's own is final, somebody else's is a first one again."""
    if user.pk == by.pk:
        user.groups.through.objects.filter(user=user, group__name=FIRST_PASSWORD).delete()
    else:
        require_new_password(user)
    after = changes.snapshot(user, SECRET_FIELDS)
    before = changes.Snapshot(plain=after.plain, secret={**after.secret, "password": ""})
    changes.record(EventType.ADMIN_CONFIGURATION_UPDATED, who=by.get_username(), row=user, before=before, after=after)
