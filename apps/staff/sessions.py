"""Limits of a console session: an idle time and a maximum lifetime."""

from django.conf import settings
from django.contrib import auth, messages
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

SIGNED_IN_AT, LAST_SEEN_AT = "signed_in_at", "seen_at"
# A session in use is saved at most this often. Saving it extends the idle time.
LAST_SEEN_UPDATE_SECONDS = 60


def begin(request: HttpRequest) -> None:
    """Record the sign-in, the start of the maximum lifetime."""
    request.session[SIGNED_IN_AT] = request.session[LAST_SEEN_AT] = timezone.now().timestamp()


def end_if_expired(request: HttpRequest) -> bool:
    """Return True if the session has expired, after signing it out. Otherwise record that it is in use."""
    now = timezone.now().timestamp()
    if SIGNED_IN_AT not in request.session:
        begin(request)
    if now - request.session[SIGNED_IN_AT] >= settings.CONSOLE_SESSION_SECONDS:
        auth.logout(request)
        messages.info(request, _("Your session has expired. Sign in again to continue."))
        return True
    if now - request.session[LAST_SEEN_AT] >= LAST_SEEN_UPDATE_SECONDS:
        request.session[LAST_SEEN_AT] = now
    return False
