"""The project: settings, URLs, Celery, the web server and the worker."""
