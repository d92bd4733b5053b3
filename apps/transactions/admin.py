from apps.transactions.console import admin  # noqa: F401 - registers the pages
