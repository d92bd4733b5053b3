"""Paths and messages of the callback pages."""

from django.contrib.messages import get_messages

ENDPOINTS = "/admin/callbacks/callbackendpoint/"
LIST = "/admin/callbacks/callbackdelivery/"


def page_path(endpoint, page="change"):
    return f"{ENDPOINTS}{endpoint.pk}/{page}/"


def message_text(response):
    return " ".join(str(message) for message in get_messages(response.wsgi_request))


def send_test(console, endpoint):
    return message_text(console.post(page_path(endpoint, "send-test-callback")))
