from apps.ciba.console import admin  # noqa: F401 - registers the pages
