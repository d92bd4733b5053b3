import pytest

from apps.geocontext.models import Geolocation
from apps.system.models import Features
from tests.fakes import geolocation
from tests.geocontext import files


@pytest.fixture
def location_file(tmp_path, settings, db):
    """Configured location database that contains the address of the examples."""
    path = files.write(tmp_path / "city.mmdb")
    settings.GEOCONTEXT_DATABASE = str(path)
    Features.objects.update_or_create(pk=1, defaults={"geolocation": True})
    return path


@pytest.fixture(scope="module")
def running_service():
    with geolocation.Geolocation() as service:
        yield service


@pytest.fixture
def service(running_service, db):
    """Fake geolocation service, configured in the console."""
    running_service.script.clear()
    running_service.received.clear()
    described = running_service.describe()
    Features.objects.update_or_create(pk=1, defaults={"geolocation": True})
    Geolocation.objects.create(url=described["url"], key=described["key"])
    return running_service
