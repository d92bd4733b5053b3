from django.apps import AppConfig


class ProjectConfig(AppConfig):
    """App of the project, with the commands that run its processes."""

    name = "config"
    default = True
