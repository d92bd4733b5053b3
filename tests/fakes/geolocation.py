"""Fake geolocation service, with the Token Server's URLs. Run it with `python -m tests.fakes.geolocation --port 0`."""

import json
from urllib.parse import unquote

from tests.fakes import fake_server

KEY = "key/of the+service?"
UTRECHT = {"country_code": "NL", "region": "Provincie Utrecht", "city": "Utrecht"}


class Geolocation(fake_server.FakeServer):
    """Fake of the service: every address is in Utrecht. Keys are IP addresses."""

    def describe(self):
        return {"url": f"{self.url}/locations", "key": KEY}

    def key(self, path, headers, body):
        return unquote(path.rpartition("/")[2])

    def default_response(self, key, path, headers, body):
        return json_response(UTRECHT)


def json_response(content, **members):
    return {"status": 200, "headers": {"Content-Type": "application/json"}, "body": json.dumps(content), **members}


if __name__ == "__main__":
    fake_server.run(Geolocation)
