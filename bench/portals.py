"""Fake portals on separate ports in one process: `python -m bench.portals COUNT` prints the ports.

The path selects the response: `/MILLISECONDS` returns 204 after this time, `/hang` never responds, `/drip` sends one
byte per second. The process ends with its standard input.
"""

import asyncio
import sys

from bench.fakes import Connection

NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"
DRIPPING = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"


class PortalConnection(Connection):
    """Connection to a portal."""

    def request_received(self, path: str, _authorization: str, _body: bytes) -> None:
        if path == "/drip":
            self.write(DRIPPING)
            self._drip()
        elif path != "/hang":
            asyncio.get_running_loop().call_later(int(path[1:]) / 1000, self.write, NO_CONTENT)

    def _drip(self) -> None:
        if not self.transport.is_closing():
            self.write(b".")
            asyncio.get_running_loop().call_later(1, self._drip)


async def serve(count: int) -> None:
    loop = asyncio.get_running_loop()
    servers = [await loop.create_server(PortalConnection, "127.0.0.1", 0, backlog=1024) for _number in range(count)]
    sys.stdout.write(" ".join(str(server.sockets[0].getsockname()[1]) for server in servers) + "\n")
    sys.stdout.flush()
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
