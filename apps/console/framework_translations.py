"""Texts of django-unfold, which has no translations: listed here so that the catalogues translate them.

Django translates its own texts. Texts that django-unfold no longer uses have no effect.
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
    _("Select action"),
    _("Select action to run"),
    _("Select all rows"),
    _("Select record"),
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
