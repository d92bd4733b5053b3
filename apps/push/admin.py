from apps.push.console import admin  # noqa: F401 - registers the pages
