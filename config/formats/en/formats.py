"""Formats of dates and times in English."""

DATE_FORMAT = "j M Y"
DATETIME_FORMAT = "j M Y, H:i:s"
MONTH_DAY_FORMAT = "j M"
TIME_FORMAT = "H:i:s"
