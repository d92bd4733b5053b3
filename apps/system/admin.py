from apps.system.console import admin  # noqa: F401 - registers the pages
