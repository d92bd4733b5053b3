from apps.staff.console import admin  # noqa: F401 - registers the pages
