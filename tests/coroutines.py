"""Coroutines in tests without an event loop of their own."""

import asyncio
from concurrent.futures import ThreadPoolExecutor


def run(coroutine):
    """Run a coroutine and return its result. The thread of the tests runs the loop of the browser, if one is open."""
    with ThreadPoolExecutor(1) as executor:
        return executor.submit(asyncio.run, coroutine).result()
