from apps.callbacks.console import admin  # noqa: F401 - registers the pages
