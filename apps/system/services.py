"""Reading the one-row configuration. Each row is cached in the process for a second."""

from apps.system.models import Features, GeneralConfiguration


def features() -> Features:
    return Features.get_solo()


def general() -> GeneralConfiguration:
    return GeneralConfiguration.get_solo()
