from apps.geocontext.console import admin  # noqa: F401 - registers the pages
