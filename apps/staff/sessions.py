"""How long a session of the console lasts: a while without use, and a working day in all."""

from django.conf import settings
from django.contrib import auth, messages
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

SIGNED_IN_AT, SEEN_AT = "signed_in_at", "seen_at"
# A session that is in use is written at most this often; writing it puts its end off.
NOTED_EVERY_SECONDS = 60


def begin(request: HttpRequest) -> None:
    """Note the sign-in, from which the working day counts."""
    request.session[SIGNED_IN_AT] = request.session[SEEN_AT] = timezone.now().timestamp()


def ends(request: HttpRequest) -> bool:
    """Say whether the session is over, and sign it out if so; note otherwise that it is in use."""
    now = timezone.now().timestamp()
    if SIGNED_IN_AT not in request.session:
        begin(request)
    if now - request.session[SIGNED_IN_AT] >= settings.CONSOLE_SESSION_SECONDS:
        auth.logout(request)
        messages.info(request, _("You were signed in for as long as one sign-in lasts. Sign in again to go on."))
        return True
    if now - request.session[SEEN_AT] >= NOTED_EVERY_SECONDS:
        request.session[SEEN_AT] = now
    return False
