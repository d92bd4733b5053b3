"""The machine and the browser as users read them, and texts that look like placeholders."""

import pytest

from apps.geocontext import services
from apps.geocontext.models import ConfirmationTemplate
from apps.geocontext.services import Location, Origin

pytestmark = pytest.mark.django_db
WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
# What the browser sends, and what a user reads.
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
    ("Mozilla/5.0 (" * 100 + "Windows NT 10.0", ", "),  # behind the first 1,024 characters nobody looks
]


@pytest.mark.parametrize(("user_agent", "read"), BROWSERS)
def test_machines_and_browsers_are_named(user_agent, read):
    ConfirmationTemplate.objects.create(texts={"en": "[message][operatingSystem], [browser]"})
    assert services.compose_with("", Origin("", user_agent, ""), Location("NL")).text == read


def test_what_looks_like_a_placeholder_in_a_value_stays_as_it_is():
    location = Location("NL", "[city]", "[message]")
    ConfirmationTemplate.objects.create(texts={"en": "[message] [region] [city] [city]"})
    composed = services.compose_with("Pay [city] [nothing]?", Origin("", "", "en"), location)
    assert composed.text == "Pay [city] [nothing]? [city] [message] [message]"
