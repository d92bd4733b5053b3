"""Slow and silent connections in a separate process: `python -m tests.server.attack PORT SLOW SILENT`.

Prints a line when all connections are open. Ends with its standard input, or after a minute. Connects only to the
loopback.
"""

import argparse
import asyncio
import contextlib
import resource
import subprocess
import sys

LIMIT_SECONDS = 60
SLOW_SECONDS = 1
HEAD = "POST /oauth/api/v4/authenticate/user HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 4096\r\n\r\n"


class Attack:
    """Connections that are reopened when the server closes them."""

    def __init__(self, port):
        self.port, self.connected, self.closed = port, 0, 0

    async def silent(self):
        await self._keep_open(self._wait)

    async def slow(self):
        await self._keep_open(self._trickle)

    async def _keep_open(self, use_connection):
        while True:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            except OSError:
                await asyncio.sleep(0.1)
                continue
            self.connected += 1
            with contextlib.suppress(OSError):
                await use_connection(reader, writer)
            self.closed += 1
            writer.close()
            # Limits the load on this machine, which is not under test.
            await asyncio.sleep(0.5)

    async def _wait(self, reader, _writer):
        await reader.read()

    async def _trickle(self, reader, writer):
        writer.write(HEAD.encode())
        end = asyncio.ensure_future(reader.read())
        while not end.done():
            writer.write(b"a")
            await asyncio.wait([end], timeout=SLOW_SECONDS)


async def attack(port, slow, silent):
    run = Attack(port)
    tasks = [asyncio.create_task(run.slow()) for _number in range(slow)]
    tasks += [asyncio.create_task(run.silent()) for _number in range(silent)]
    while run.connected < slow + silent:
        await asyncio.sleep(0.01)
    print("connected", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    for task in tasks:
        task.cancel()


@contextlib.contextmanager
def run_attack(port, *, slow, silent):
    """Attack a local port from another process until the end of the block."""
    arguments = [sys.executable, "-m", "tests.server.attack", str(port), str(slow), str(silent)]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "connected\n"
            yield process
        finally:
            process.kill()


def main():
    parser = argparse.ArgumentParser()
    for name in ("port", "slow", "silent"):
        parser.add_argument(name, type=int)
    options = parser.parse_args()
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with contextlib.suppress(TimeoutError):
        asyncio.run(asyncio.wait_for(attack(options.port, options.slow, options.silent), LIMIT_SECONDS))


if __name__ == "__main__":
    main()
