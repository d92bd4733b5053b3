"""Whether staff must have a second factor."""

import environ
from django.core.exceptions import ImproperlyConfigured

RULES = ("optional", "required")


def second_factor_rule(env: environ.Env) -> str:
    rule: str = env.str("STAFF_SECOND_FACTOR", default="optional")
    if rule not in RULES:
        raise ImproperlyConfigured(f"STAFF_SECOND_FACTOR is {rule!r}; it is one of: {', '.join(RULES)}")
    return rule
