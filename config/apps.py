from django.apps import AppConfig


class ProjectConfig(AppConfig):
    """The project itself: commands that run its processes."""

    name = "config"
    default = True
