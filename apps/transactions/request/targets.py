"""Profiles that an authentication request identifies, and fraud locks that prevent it."""

from django.db.models import Exists, QuerySet

from apps.enrollment import fraud_locks
from apps.enrollment import services as enrollment
from apps.enrollment.models import Profile
from apps.transactions.request.parameters import ApiVersion, AuthenticationRequest

# The field to which the target of a request is compared.
FIELDS = {ApiVersion.V3: "device__version__application__identifier", ApiVersion.V4: "device__device_id"}


def matching_profiles(profiles: QuerySet[Profile], request: AuthenticationRequest) -> QuerySet[Profile]:
    """Return the profiles of the user that the request identifies: all of them if it has no target."""
    return profiles.filter(**{FIELDS[request.version]: request.target}) if request.target else profiles


def is_locked(request: AuthenticationRequest) -> bool:
    """Return True if the user has a fraud lock and the request identifies no profile without a lock.

    This includes a request that identifies no device of the user: a lock persists after its device was removed. E1 and
    E2 follow the same rule, because they list types only for profiles without a lock.
    """
    others = matching_profiles(enrollment.usable_profiles(request.user_id), request)
    return fraud_locks.for_user(request.user_id).filter(~Exists(others)).exists()
