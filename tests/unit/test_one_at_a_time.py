"""An application that bears no threads, behind a server that has some."""

from __future__ import annotations

import io
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from saleor_automation.project import one_at_a_time
from saleor_automation.project.one_at_a_time import OneAtATime


class Answers(list[str]):
    """Collects the status lines of answers."""

    def __call__(self, status: str, headers: list[tuple[str, str]]) -> None:
        self.append(status)


class Ready(list[bytes]):
    """An answer like Django's, computed already."""

    streaming = False


def request(body: bytes = b"", length: str | None = None) -> dict[str, Any]:
    announced = str(len(body)) if length is None else length
    return {"CONTENT_LENGTH": announced, "wsgi.input": io.BytesIO(body)}


def test_one_request_at_a_time_is_inside() -> None:
    inside = most = 0

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Ready:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        time.sleep(0.002)
        inside -= 1
        return Ready([b"done"])

    alone = OneAtATime(application)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: list(alone(request(), Answers())), range(40)))
    assert answers == [[b"done"]] * 40
    assert most == 1


@pytest.mark.parametrize("size", [3, one_at_a_time.MEMORY_BYTES + 5])
def test_a_slow_body_keeps_nobody_out(size: int) -> None:
    slowly, hurry = threading.Event(), threading.Event()

    class Slow(io.BytesIO):
        def read(self, *args: Any) -> bytes:
            slowly.set()
            assert hurry.wait(5)
            return super().read(*args)

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Ready:
        return Ready([environ["wsgi.input"].read()])

    alone, body = OneAtATime(application), b"x" * size
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(
            alone, {"CONTENT_LENGTH": str(size), "wsgi.input": Slow(body)}, Answers()
        )
        assert slowly.wait(5)
        assert list(alone(request(b"quick"), Answers())) == [b"quick"]
        hurry.set()
        assert list(slow.result()) == [body]


def test_bodies_that_end_early_or_are_too_large_come_to_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(one_at_a_time, "MAX_BODY_BYTES", 10)
    alone = OneAtATime(lambda environ, start_response: pytest.fail("it was let in"))
    answers = Answers()
    alone(request(b"abc", length="4"), answers)
    alone(request(b"x" * 11), answers)
    assert [answer[:3] for answer in answers] == ["400", "413"]


def test_an_answer_computed_while_it_is_sent_is_computed_alone() -> None:
    inside = threading.Lock()
    closed: list[bool] = []

    class Streamed:
        def __iter__(self) -> Iterator[bytes]:
            for piece in (b"a", b"b"):
                assert inside.acquire(blocking=False), "two are inside"
                time.sleep(0.002)
                inside.release()
                yield piece

        def close(self) -> None:
            closed.append(True)

    alone = OneAtATime(lambda environ, start_response: Streamed())

    def ask(number: int) -> bytes:
        result: Any = alone(request(), Answers())
        try:
            return b"".join(result)
        finally:
            result.close()

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(ask, range(12))) == [b"ab"] * 12
    assert len(closed) == 12


def test_a_reader_of_a_stream_keeps_nobody_out_between_two_pieces() -> None:
    alone = OneAtATime(lambda environ, start_response: iter([b"a", b"b"]))
    stream = iter(alone(request(), Answers()))
    assert next(stream) == b"a"
    assert list(alone(request(), Answers())) == [b"a", b"b"]
    assert next(stream) == b"b"


def test_a_file_is_left_to_the_server() -> None:
    class Wrapper:
        pass

    file = Wrapper()
    alone = OneAtATime(lambda environ, start_response: file)  # type: ignore[arg-type,return-value]
    assert alone({**request(), "wsgi.file_wrapper": Wrapper}, Answers()) is file


def test_a_request_that_fails_lets_the_next_one_in() -> None:
    turns = iter([ValueError("broken"), None])

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if error := next(turns):
            raise error
        return Ready([b"done"])

    alone = OneAtATime(application)
    with pytest.raises(ValueError, match="broken"):
        alone(request(), Answers())
    assert list(alone(request(), Answers())) == [b"done"]


def test_a_request_that_never_ends_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    killed: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda *args: killed.append(args))
    entered, over = threading.Event(), threading.Event()

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Ready:
        entered.set()
        assert over.wait(5)
        return Ready()

    alone, answers = OneAtATime(application, stuck_seconds=0.05), Answers()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(alone, request(), Answers())
        assert entered.wait(5)
        alone(request(), answers)
        over.set()
    assert [answer[:3] for answer in answers] == ["503"]
    assert killed == [(os.getpid(), signal.SIGTERM)]
