from apps.enrollment.console import admin  # noqa: F401 - registers the pages
