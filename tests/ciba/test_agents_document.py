"""The configuration in the page about agents can be imported."""

import re

import pytest
from django.conf import settings

from apps.ciba.models import CibaClient
from tests.commands.command_runner import run


@pytest.mark.django_db
def test_configuration_of_the_agent_is_valid(tmp_path, monkeypatch):
    page = (settings.BASE_DIR / "docs" / "agents.md").read_text()
    [block] = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    path = tmp_path / "agent.yaml"
    path.write_text(block)
    monkeypatch.setenv("AGENT_CLIENT_SECRET", "secret-of-the-agent")
    result = run("import_configuration", str(path))
    assert result.code == 0, result.err
    assert CibaClient.objects.get().authorization_details_types == ["transfer"]
