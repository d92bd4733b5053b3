import pytest

from apps.geocontext.models import Geolocation
from tests.fakes import geolocation
from tests.geocontext import files


@pytest.fixture
def location_file(tmp_path, settings):
    """The location file of this server, which holds the address of the examples."""
    path = files.write(tmp_path / "city.mmdb")
    settings.GEOCONTEXT_DATABASE = str(path)
    return path


@pytest.fixture(scope="module")
def running_service():
    with geolocation.Geolocation() as stand_in:
        yield stand_in


@pytest.fixture
def service(running_service, db):
    """A geolocation service, which the console names."""
    running_service.script.clear()
    running_service.received.clear()
    described = running_service.describe()
    Geolocation.objects.create(url=described["url"], key=described["key"])
    return running_service
