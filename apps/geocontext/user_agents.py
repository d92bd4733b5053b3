"""What a user agent says about the machine and the browser."""

from functools import cache

from ua_parser import OS, Domain, Resolver, UserAgent, load_lazy_builtins
from ua_parser.regex import Resolver as RegexResolver

from apps.geocontext.locations import clean

MAX_CHARACTERS = 1024
WANTED = Domain.OS | Domain.USER_AGENT
# The parser's names that people know under others.
NAMES = {"Mac OS X": "Mac", "Other": ""}


@cache
def _resolver() -> Resolver:
    # Its expressions run in linear time and take some hundredth of a millisecond: nothing needs to be kept.
    return RegexResolver(load_lazy_builtins())


def describe(user_agent: str) -> tuple[str, str]:
    """Return the operating system and the browser, such as `Mac 10.14` and `Chrome 73.0`; empty what is unknown."""
    found = _resolver()(user_agent[:MAX_CHARACTERS].encode(errors="replace").decode(), WANTED)
    return _shown(found.os), _shown(found.user_agent)


def _shown(part: OS | UserAgent | None) -> str:
    if part is None or not (name := NAMES.get(part.family, part.family)):
        return ""
    version = ".".join(number for number in (part.major, part.minor if part.major else None) if number)
    return clean(f"{name} {version}")
