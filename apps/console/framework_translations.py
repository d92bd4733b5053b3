"""Texts of django-unfold, which comes in English alone: named here, so that our catalogues translate them.

Those of Django itself come translated. A text that is no longer used there does no harm here.
"""

from django.utils.translation import gettext_noop as _

TEXTS = (
    _("Add row"),
    _("Apply Filters"),
    _("Choose file to upload"),
    _("Current file"),
    _("Dark"),
    _("Expand row"),
    _("False"),
    _("Filters"),
    _("From"),
    _("General"),
    _("Go back"),
    _("Light"),
    _("Loading more results..."),
    _("More actions"),
    _("New"),
    _("Next"),
    _("No results found"),
    _("No results matching your query"),
    _("Previous"),
    _("Reset filters"),
    _("Return to site"),
    _("Run"),
    _("Search apps and models..."),
    _("Select value"),
    _("System"),
    _("This item will be deleted."),
    _("This page yielded into no results. Create a new item or reset your filters."),
    _("To"),
    _("Toggle password visibility"),
    _("True"),
    _("Type to search"),
    _("Value"),
    _("Welcome back to"),
    _("You have been successfully logged out from the administration"),
)
