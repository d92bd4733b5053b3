"""Outgoing HTTP proxy. Settings and models use it without libcurl."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Proxy:
    """Outgoing HTTP proxy. Credentials are sent with the first request if `preemptive`, else only after a 407."""

    url: str
    username: str = ""
    password: str = ""
    preemptive: bool = False
