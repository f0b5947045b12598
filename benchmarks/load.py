"""An HTTP client that keeps a number of connections busy, in a process of its own.

Standard library and epoll only, so that it takes as little of the machine as it can:
it shares the cores with the server it measures. A connection is kept when the server
keeps it, and opened again when it does not (a gunicorn sync worker never does) or when
it has carried its share: which process of a server gets a connection is chance, and one
that is never opened again would leave a process without work for the whole run.
"""

from __future__ import annotations

import json
import select
import socket
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

#: Requests a connection carries. Saleor itself opens one for each.
SHARE = 25


@dataclass
class Slot:
    """One connection and what is under way on it."""

    socket: socket.socket | None = None
    received: bytearray = field(default_factory=bytearray)
    unsent: memoryview | None = None
    started: float = 0.0
    sent: int = 0


@dataclass(frozen=True)
class Load:
    """What came back."""

    seconds: float
    statuses: dict[str, int]
    #: Milliseconds per answer, sorted.
    milliseconds: list[float]


def request(*, host: str, path: str, headers: dict[str, str], body: bytes) -> bytes:
    """Return the bytes of one POST."""
    lines = [f"POST {path} HTTP/1.1", f"Host: {host}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def send_all(port: int, requests: list[bytes], *, connections: int) -> Load:
    """Send every request once, ``connections`` at a time."""
    poll = select.epoll()
    waiting = iter(requests)
    slots: dict[int, Slot] = {}
    times: list[float] = []
    statuses: Counter[str] = Counter()

    def connect(slot: Slot) -> None:
        slot.socket = socket.socket()
        slot.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        slot.socket.connect(("127.0.0.1", port))
        slot.socket.setblocking(False)
        slots[slot.socket.fileno()] = slot
        poll.register(slot.socket, select.EPOLLIN)

    def close(slot: Slot) -> None:
        if slot.socket is not None:
            poll.unregister(slot.socket)
            del slots[slot.socket.fileno()]
            slot.socket.close()
            slot.socket = None

    def begin(slot: Slot) -> bool:
        body = next(waiting, None)
        if body is None:
            close(slot)
            return False
        slot.started = time.perf_counter()
        if slot.sent >= SHARE:
            close(slot)
        if slot.socket is None:
            connect(slot)
            slot.sent = 0
        slot.sent += 1
        slot.received.clear()
        sent = slot.socket.send(body)
        if sent < len(body):
            slot.unsent = memoryview(body)[sent:]
            poll.modify(slot.socket, select.EPOLLIN | select.EPOLLOUT)
        return True

    def answered(slot: Slot) -> tuple[str, bool] | None:
        """Return (status, may be kept), or None while the answer is incomplete."""
        head, mark, body = bytes(slot.received).partition(b"\r\n\r\n")
        if not mark:
            return None
        lines = head.decode("latin-1").split("\r\n")
        fields = {
            name.lower(): value.strip() for name, _, value in (x.partition(":") for x in lines[1:])
        }
        if len(body) < int(fields.get("content-length", 0)):
            return None
        return lines[0].split()[1], fields.get("connection", "").lower() != "close"

    start = time.perf_counter()
    busy = sum(begin(Slot()) for _ in range(connections))
    while busy:
        for number, event in poll.poll(30):
            slot = slots.get(number)
            if slot is None or slot.socket is None:
                continue
            if event & select.EPOLLOUT and slot.unsent is not None:
                sent = slot.socket.send(slot.unsent)
                slot.unsent = slot.unsent[sent:] or None
                if slot.unsent is None:
                    poll.modify(slot.socket, select.EPOLLIN)
            if not event & ~select.EPOLLOUT:
                continue
            try:
                data = slot.socket.recv(65536)
            except BlockingIOError:
                continue
            except ConnectionError:
                data = b""
            slot.received += data
            answer = answered(slot)
            if answer is None:
                if data:
                    continue
                answer = ("broken", False)
            times.append((time.perf_counter() - slot.started) * 1000)
            statuses[answer[0]] += 1
            if not answer[1]:
                close(slot)
            if not begin(slot):
                busy -= 1
    seconds = time.perf_counter() - start
    return Load(seconds, dict(statuses), sorted(times))


def main() -> None:
    """``python -m benchmarks.load PORT CONNECTIONS FILE``: requests, each with its length."""
    port, connections, path = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    content, requests, at = path.read_bytes(), [], 0
    while at < len(content):
        length = int.from_bytes(content[at : at + 4], "big")
        requests.append(content[at + 4 : at + 4 + length])
        at += 4 + length
    load = send_all(port, requests, connections=connections)
    print(
        json.dumps(
            {
                "seconds": load.seconds,
                "statuses": load.statuses,
                "p50_ms": percentile(load.milliseconds, 50),
                "p99_ms": percentile(load.milliseconds, 99),
            }
        )
    )


def percentile(ordered: list[float], percent: float) -> float:
    """Return a percentile of a sorted list; 0 of an empty one."""
    if not ordered:
        return 0.0
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


if __name__ == "__main__":
    main()
