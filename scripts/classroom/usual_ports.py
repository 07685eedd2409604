"""Postgres and Kafka at the ports that students' compose files give them: `python -m scripts.classroom.usual_ports`.

Some programs have kafka:29092 in their code. It is a process of its own in the outer sandbox, which programs can reach
and not signal: one that opens thousands of connections costs only this. Kafka's own answer names its one port, which a
client then uses; so here pass a client's first words to Kafka, and all that it has to say to Postgres.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from functools import partial

# Kafka's next port, 9093, is its controller's.
PORTS = {5433: 5432, 5434: 5432, 15432: 5432, 9094: 9092, 9095: 9092, 19092: 9092, 29092: 9092}
READY = "ready"
_MAX_CONNECTIONS = 200  # at once; more wait
_CHUNK = 1 << 16


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while chunk := await reader.read(_CHUNK):
            writer.write(chunk)
            await writer.drain()
    writer.close()


async def _connect(
    port: int, places: asyncio.Semaphore, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    async with places:
        try:
            service_reader, service_writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(_copy(reader, service_writer), _copy(service_reader, writer))


async def serve() -> None:
    """Listen at each of the ports, for ever; the line READY on standard output says so.

    Raises:
        OSError: something else listens there.
    """
    places = asyncio.Semaphore(_MAX_CONNECTIONS)
    async with contextlib.AsyncExitStack() as servers:
        for port, service in PORTS.items():
            answer = partial(_connect, service, places)
            await servers.enter_async_context(await asyncio.start_server(answer, "127.0.0.1", port))
        print(READY, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    sys.exit(asyncio.run(serve()))
