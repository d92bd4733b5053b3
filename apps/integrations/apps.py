from django.apps import AppConfig

from apps.callbacks import kinds

KEYCLOAK = "keycloak"


class IntegrationsConfig(AppConfig):
    name = "apps.integrations"
    verbose_name = "Keycloak"

    def ready(self) -> None:
        kinds.register(KEYCLOAK, "apps.integrations.messages.KeycloakMessages")
