"""A geolocation service for tests, as upstream's wants to be asked. `python -m tests.fakes.geolocation --port 0`."""

import json
from urllib.parse import unquote

from tests.fakes import stand_in

KEY = "key/of the+service?"
UTRECHT = {"country_code": "NL", "region": "Provincie Utrecht", "city": "Utrecht"}


class Geolocation(stand_in.StandIn):
    """Answers that every address is in Utrecht. Keys of its script are IP addresses."""

    def describe(self):
        return {"url": f"{self.url}/locations", "key": KEY}

    def key(self, path, headers, body):
        return unquote(path.rpartition("/")[2])

    def answer(self, key, path, headers, body):
        return json_answer(UTRECHT)


def json_answer(content, **rest):
    return {"status": 200, "headers": {"Content-Type": "application/json"}, "body": json.dumps(content), **rest}


if __name__ == "__main__":
    stand_in.run(Geolocation)
