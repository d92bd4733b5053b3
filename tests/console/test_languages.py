"""Default message fields of the supported languages, which a process reads at its start."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
FIELDS = """
import django
django.setup()
from apps.transactions.console.forms import TypeForm
print({name: field.label for name, field in TypeForm.base_fields.items() if name.startswith("default_message")})
"""


def fields(tmp_path, **variables):
    settings = {"DJANGO_SETTINGS_MODULE": "config.settings.test", "VAR_DIR": str(tmp_path)}
    environment = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "BROKER_URL")}
    result = subprocess.run(
        [sys.executable, "-c", FIELDS],
        env={**environment, **settings, **variables},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return result.stdout.strip()


def test_default_language_is_english(tmp_path):
    assert fields(tmp_path) == "{'default_message_en': 'English'}"


def test_each_configured_language_has_a_field(tmp_path):
    output = fields(tmp_path, TOKEN_SERVER_ADMIN_GENERAL_SUPPORTED_LOCALES="en, nl-BE,pt_BR, xx,")
    assert output == (
        "{'default_message_en': 'English', 'default_message_nl-BE': 'Nederlands (nl-BE)', "
        "'default_message_pt_BR': 'Português Brasileiro', 'default_message_xx': 'xx'}"
    )
