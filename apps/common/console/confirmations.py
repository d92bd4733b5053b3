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
class Question:
    """`heading` asks, `texts` say what happens, `button` does it; no button when nothing can be done.

    `icon` is the name of a Material symbol, `back` where the other button leads. `names`, who is
    concerned, are listed below the texts. `mark` comes back with the form.
    """

    title: "str | StrPromise"
    heading: "str | StrPromise"
    texts: "Sequence[str | StrPromise]"
    icon: str
    back: str
    button: "str | StrPromise" = ""
    warning: "str | StrPromise" = ""
    mark: str = ""
    names: "Sequence[str]" = ()


def ask(model_admin: "ModelAdmin[Model]", request: HttpRequest, question: Question, row: Model | None) -> HttpResponse:
    """Show the question; its form posts to the same address, query included."""
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "original": row,
        "title": question.title,
        "question": question,
    }
    return TemplateResponse(request, "admin/question.html", context)
