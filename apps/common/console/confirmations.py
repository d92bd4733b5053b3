"""Pages of the console that ask before something is done."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.contrib.admin import ModelAdmin
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise


@dataclass(frozen=True)
class Confirmation:
    """`heading` asks, `paragraphs` say what happens, `button_label` does it; no button when nothing can be done.

    `icon` is the name of a Material symbol, `back_url` where the other button leads. `items`, who is
    concerned, are listed below them. `state_token` comes back with the form.
    """

    title: "str | StrPromise"
    heading: "str | StrPromise"
    paragraphs: "Sequence[str | StrPromise]"
    icon: str
    back_url: str
    button_label: "str | StrPromise" = ""
    warning: "str | StrPromise" = ""
    state_token: str = ""
    items: "Sequence[str]" = ()


def render_confirmation(
    model_admin: "ModelAdmin[Model]", request: HttpRequest, confirmation: Confirmation, row: Model | None
) -> HttpResponse:
    """Show the question; its form posts to the same address, query included."""
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "original": row,
        "title": confirmation.title,
        "confirmation": confirmation,
    }
    return TemplateResponse(request, "admin/confirmation.html", context)
