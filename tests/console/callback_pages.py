"""Where the pages about callbacks are, and what they say."""

from django.contrib.messages import get_messages

ENDPOINTS = "/admin/callbacks/callbackendpoint/"
LIST = "/admin/callbacks/callbackdelivery/"


def path_of(endpoint, page="change"):
    return f"{ENDPOINTS}{endpoint.pk}/{page}/"


def said(answer):
    return " ".join(str(message) for message in get_messages(answer.wsgi_request))


def send_test(console, endpoint):
    return said(console.post(path_of(endpoint, "send-test-callback")))
