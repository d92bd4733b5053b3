"""Formats of dates and times in the console by language, in the syntax of Django's `date` filter."""
