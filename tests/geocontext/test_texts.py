"""Names of operating systems and browsers, and values that contain placeholders."""

import pytest

from apps.geocontext import services
from apps.geocontext.models import ConfirmationTemplate
from apps.geocontext.services import Location, Origin

pytestmark = pytest.mark.django_db
WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
# User agents and their descriptions.
BROWSERS = [
    (
        f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_14_3) {WEBKIT} Chrome/73.0.3683.86 Safari/537.36",
        "Mac 10.14, Chrome 73.0",
    ),
    (
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:124.0) Gecko/20100101 Firefox/124.0",
        "Mac 10.15, Firefox 124.0",
    ),
    (f"{IPHONE} Version/17.4.1 Mobile/15E148 Safari/604.1", "iOS 17.4, Mobile Safari 17.4"),
    (f"{IPHONE} CriOS/123.0.6312.52 Mobile/15E148 Safari/604.1", "iOS 17.4, Chrome Mobile iOS 123.0"),
    (
        f"Mozilla/5.0 (Linux; Android 14; Pixel 8) {WEBKIT} Chrome/123.0.6312.40 Mobile Safari/537.36",
        "Android 14, Chrome Mobile 123.0",
    ),
    (
        f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/123.0.0.0 Safari/537.36 Edg/123.0.2420.65",
        "Windows 10, Edge 123.0",
    ),
    ("Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:124.0) Gecko/20100101 Firefox/124.0", "Ubuntu, Firefox 124.0"),
    (f"Mozilla/5.0 (X11; Linux x86_64) {WEBKIT} Chrome/123.0.0.0 Safari/537.36", "Linux, Chrome 123.0"),
    ("curl/8.5.0", ", curl 8.5"),
    ("nonsense \ud800 \x00 \u202e", ", "),
    ("Mozilla/5.0 (" * 100 + "Windows NT 10.0", ", "),  # only the first 1,024 characters are parsed
]
# User agents with arbitrary text as name or version, and their descriptions.
FREE_TEXTS = [
    ("Support calling: approve now/1 CFNetwork/978 Darwin/18", "iOS, "),
    ("Call 0800 123456 and approve-iPhone/1.0 CFNetwork/978", "iOS 1.0, "),
    ("Mozilla/5.0 (Your bank says approve bot/1.0)", ", "),
    (f"Mozilla/5.0 (Windows NT 10.0) {WEBKIT} Chrome/0800123456.1 Safari/537.36", "Windows 10, Chrome"),
    (f"Mozilla/5.0 (Windows NT 10.0) {WEBKIT} Chrome/123.0800123456 Safari/537.36", "Windows 10, Chrome 123"),
    (f"Mozilla/5.0 (Windows NT 5.1) {WEBKIT} Chrome/49.0 Safari/537.36", "Windows, Chrome 49.0"),
]


@pytest.mark.parametrize(("user_agent", "read"), BROWSERS)
def test_operating_system_and_browser_are_named(user_agent, read):
    ConfirmationTemplate.objects.create(texts={"en": "[message][operatingSystem], [browser]"})
    assert services.compose_with("", Origin("", user_agent, ""), Location("NL")).text == read


@pytest.mark.parametrize(("user_agent", "read"), FREE_TEXTS)
def test_user_agent_adds_no_free_text_to_the_message(user_agent, read):
    ConfirmationTemplate.objects.create(texts={"en": "[message][operatingSystem], [browser]"})
    assert services.compose_with("", Origin("", user_agent, ""), Location("NL")).text == read


def test_placeholder_inside_a_value_is_not_replaced():
    location = Location("NL", "[city]", "[message]")
    ConfirmationTemplate.objects.create(texts={"en": "[message] [region] [city] [city]"})
    composed = services.compose_with("Pay [city] [nothing]?", Origin("", "", "en"), location)
    assert composed.text == "Pay [city] [nothing]? [city] [message] [message]"
