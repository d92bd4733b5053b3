from apps.applications.console import admin  # noqa: F401 - registers the pages
