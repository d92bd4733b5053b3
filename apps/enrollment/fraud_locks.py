"""Queries for fraud locks. A lock belongs to a user and an application, not to a profile."""

from django.db.models import OuterRef, QuerySet, Subquery

from apps.enrollment.models import FraudLock, Profile


def for_profile(profile: str = "") -> QuerySet[FraudLock]:
    """Return the lock that applies to a profile of the outer query.

    `profile` is the path from the model of the outer query to the profile, with two underscores at its end.
    """
    return FraudLock.objects.filter(
        user_id=OuterRef(f"{profile}user_id"), application=OuterRef(f"{profile}device__version__application")
    )


def locked_since(profile: str = "") -> Subquery:
    """Return the start of the lock of a profile as an expression for queries; NULL without a lock."""
    return Subquery(for_profile(profile).values("locked_at"))


def annotate(profiles: QuerySet[Profile]) -> QuerySet[Profile]:
    """Add the start of the lock to each profile as `locked_at`; None without a lock."""
    return profiles.annotate(locked_at=locked_since())  # type: ignore[no-redef]


def for_user(user_id: str) -> QuerySet[FraudLock]:
    """Return the locks of a user, ordered by application name. A user without devices can have locks."""
    return FraudLock.objects.select_related("application").filter(user_id=user_id).order_by("application__name")
