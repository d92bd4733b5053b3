"""The project: settings, URLs, Celery, the console's site."""

from config.celery import app as celery_app

__all__ = ["celery_app"]
