from apps.events.console import admin  # noqa: F401 - registers the pages
