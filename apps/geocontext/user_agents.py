"""Operating system and browser of a user agent: names from fixed lists, with version numbers."""

import re
from functools import cache
from itertools import takewhile

from ua_parser import OS, Domain, Resolver, UserAgent, load_lazy_builtins
from ua_parser.regex import Resolver as RegexResolver

MAX_CHARACTERS = 1024
DOMAINS = Domain.OS | Domain.USER_AGENT
# The parser can return parts of the user agent, which its sender controls. Only these names are shown to users.
SYSTEMS = frozenset(
    {
        "Windows",
        "Windows Phone",
        "Windows Mobile",
        "Mac OS X",
        "Mac OS",
        "iOS",
        "tvOS",
        "WatchOS",
        "Android",
        "HarmonyOS",
        "Chrome OS",
        "Linux",
        "Ubuntu",
        "Kubuntu",
        "Debian",
        "Fedora",
        "Red Hat",
        "CentOS",
        "SUSE",
        "openSUSE",
        "Arch Linux",
        "Gentoo",
        "Linux Mint",
        "FreeBSD",
        "OpenBSD",
        "NetBSD",
        "Solaris",
        "KaiOS",
        "Tizen",
        "webOS",
        "Firefox OS",
        "BlackBerry OS",
    }
)
BROWSERS = frozenset(
    {
        "Chrome",
        "Chrome Mobile",
        "Chrome Mobile iOS",
        "Chrome Mobile WebView",
        "Chromium",
        "HeadlessChrome",
        "Edge",
        "Edge Mobile",
        "IE",
        "IE Mobile",
        "Firefox",
        "Firefox Mobile",
        "Firefox iOS",
        "Safari",
        "Mobile Safari",
        "Mobile Safari UI/WKWebView",
        "Samsung Internet",
        "Opera",
        "Opera Mobile",
        "Opera Mini",
        "Opera Touch",
        "Opera GX",
        "Brave",
        "Vivaldi",
        "DuckDuckGo",
        "DuckDuckGo Mobile",
        "Ecosia Android",
        "Ecosia iOS",
        "Yandex Browser",
        "UC Browser",
        "QQ Browser",
        "QQ Browser Mobile",
        "MiuiBrowser",
        "Mint Browser",
        "Huawei Browser",
        "HeyTap Browser",
        "Sogou Explorer",
        "Baidu Browser",
        "Whale",
        "Coc Coc",
        "Puffin",
        "Maxthon",
        "Amazon Silk",
        "Pale Moon",
        "SeaMonkey",
        "Waterfox",
        "Epiphany",
        "Konqueror",
        "Sailfish Browser",
        "Oculus Browser",
        "Avast Secure Browser",
        "Android",
        "Electron",
        "Facebook",
        "Instagram",
        "LINE",
        "WeChat Browser",
        "Google",
        "curl",
        "Wget",
    }
)
# Display names that differ from the parser's names.
DISPLAY_NAMES = {"Mac OS X": "Mac"}
VERSION_NUMBER = re.compile("[0-9]{1,5}")


@cache
def _resolver() -> Resolver:
    # The expressions run in linear time and take about 0.01 ms, so the results are not cached.
    return RegexResolver(load_lazy_builtins())


def describe(user_agent: str) -> tuple[str, str]:
    """Return the operating system and the browser, such as `Mac 10.14` and `Chrome 73.0`.

    A name that is not in the lists is omitted, as is a version that does not begin with a number.
    """
    parsed = _resolver()(user_agent[:MAX_CHARACTERS].encode(errors="replace").decode(), DOMAINS)
    return _describe_part(parsed.os, SYSTEMS), _describe_part(parsed.user_agent, BROWSERS)


def _describe_part(part: OS | UserAgent | None, names: frozenset[str]) -> str:
    if part is None or part.family not in names:
        return ""
    name = DISPLAY_NAMES.get(part.family, part.family)
    return f"{name} {_version(part.major, part.minor)}".rstrip()


def _version(*parts: str | None) -> str:
    """Return the leading parts that are short numbers, joined by dots."""
    return ".".join(takewhile(VERSION_NUMBER.fullmatch, (part or "" for part in parts)))
