"""Confirmation pages of the console."""

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
    """Content of a confirmation page.

    `heading` is the question, `paragraphs` describe the effect, and `items` lists the affected objects below them.
    Without a `button_label` nothing can be confirmed. `icon` is the name of a Material symbol and `back_url` the target
    of the other button. `state_token` is posted with the form, to detect changes since the page was shown; so are the
    names and values of `hidden_fields`.
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
    hidden_fields: Sequence[tuple[str, str]] = ()


def render_confirmation(
    model_admin: "ModelAdmin[Model]", request: HttpRequest, confirmation: Confirmation, row: Model | None
) -> HttpResponse:
    """Render the confirmation page. Its form posts to the same URL, including the query."""
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "original": row,
        "title": confirmation.title,
        "confirmation": confirmation,
    }
    return TemplateResponse(request, "admin/confirmation.html", context)
