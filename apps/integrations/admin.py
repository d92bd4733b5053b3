from apps.integrations.console import admin  # noqa: F401 - registers the pages
