"""An SMTP server that throws mail away: ``python -m benchmarks.sink PORT``.

Answers each command at once and keeps nothing but counts, so that a measurement
shows the sender. ``XCOUNT`` answers with the mails accepted and the connections made;
``XLAST`` with the size of the last mail.
"""

from __future__ import annotations

import asyncio
import os
import smtplib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .services import free_port, port_open_wait, process


class Count:
    mails = 0
    connections = 0
    last_size = 0


class Sink(asyncio.Protocol):
    """One connection."""

    def __init__(self) -> None:
        self.buffer = b""
        self.in_data = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        Count.connections += 1
        transport.write(b"220 sink\r\n")

    def data_received(self, data: bytes) -> None:
        buffer = self.buffer + data if self.buffer else data
        while buffer:
            if self.in_data:
                end = buffer.find(b"\r\n.\r\n")
                if end < 0:
                    break
                Count.mails += 1
                Count.last_size = end + 2
                buffer = buffer[end + 5 :]
                self.in_data = False
                self.transport.write(b"250 kept nothing\r\n")
                continue
            line, mark, rest = buffer.partition(b"\r\n")
            if not mark:
                break
            buffer = rest
            self.transport.write(self.answer(line[:4].upper(), line))
        self.buffer = buffer

    def answer(self, verb: bytes, line: bytes) -> bytes:
        if verb == b"DATA":
            self.in_data = True
            return b"354 go on\r\n"
        if verb == b"EHLO":
            return b"250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n"
        if verb == b"XCOU":
            return f"250 {Count.mails} {Count.connections}\r\n".encode()
        if verb == b"XLAS":
            return f"250 {Count.last_size}\r\n".encode()
        if verb == b"QUIT":
            asyncio.get_running_loop().call_soon(self.transport.close)
            return b"221 bye\r\n"
        return b"250 ok\r\n"


async def serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", port)
    await server.serve_forever()


@contextmanager
def sink(folder: Path) -> Iterator[int]:
    """Run a sink of our own; yield its port.

    Where there are two processors the sink gets the last one and this process the
    others, whoever sends. Left to itself the kernel now and then puts both on one,
    which doubles a sender that only waits and halves every comparison with it.
    """
    port, log = free_port(), folder / "sink.log"
    here = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
    apart = len(here) > 1
    if apart:
        os.sched_setaffinity(0, {max(here)})
    try:
        with process(
            [sys.executable, "-m", "benchmarks.sink", str(port)], environ={}, log=log
        ) as running:
            if apart:
                os.sched_setaffinity(0, here - {max(here)})
            port_open_wait(port, running=running, log=log)
            yield port
    finally:
        if apart:
            os.sched_setaffinity(0, here)


def sink_counts(port: int) -> tuple[int, int]:
    """Return (mails accepted, connections made), this one not counted."""
    with smtplib.SMTP("127.0.0.1", port) as client:
        _, words = client.docmd("XCOUNT")
    mails, connections = words.split()
    return int(mails), int(connections) - 1


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
