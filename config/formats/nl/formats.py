"""Formats of dates and times in Dutch."""

DATE_FORMAT = "j N Y"
DATETIME_FORMAT = "j N Y, H:i:s"
MONTH_DAY_FORMAT = "j N"
TIME_FORMAT = "H:i:s"
