"""TLS before a server on this machine, as behind a reverse proxy: clients of OpenID require https."""

import asyncio
import contextlib
import ssl
import threading

from tests.fakes.apns_certificates import Authority
from tests.ports import free_port


class TlsProxy:
    """Accept TLS on a port of `localhost` and forward the bytes to another port. `ca_file` has the root certificate."""

    def __init__(self, target_port, directory):
        self.target_port, self.port = target_port, free_port()
        self.url = f"https://localhost:{self.port}"
        authority = Authority()
        self.ca_file, key_file = directory / "ca.pem", directory / "server.pem"
        self.ca_file.write_text(authority.certificate)
        key_file.write_text(authority.server(host="localhost"))
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(key_file)
        self.loop = asyncio.new_event_loop()
        self.ready = threading.Event()

        self.thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self.thread.start()
        assert self.ready.wait(10)
        return self

    def __exit__(self, *exception):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)

    def _run(self):
        server = asyncio.start_server(self._accept, "127.0.0.1", self.port, ssl=self.context)
        self.loop.run_until_complete(server)
        self.ready.set()
        self.loop.run_forever()
        self.loop.run_until_complete(end_connections())
        self.loop.close()

    async def _accept(self, reader, writer):
        upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", self.target_port)
        await asyncio.gather(forward(reader, upstream_writer), forward(upstream_reader, writer))


async def end_connections():
    connections = asyncio.all_tasks() - {asyncio.current_task()}
    for connection in connections:
        connection.cancel()
    await asyncio.gather(*connections, return_exceptions=True)


async def forward(reader, writer):
    with contextlib.suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()
