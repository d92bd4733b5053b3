"""Settings of tests with generated input: they do not depend on the speed of the machine."""

from hypothesis import HealthCheck, settings

any_speed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
