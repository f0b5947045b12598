"""Writing together what threads bring at one moment."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from saleor_automation.inbox.gathering import Gathering


class Book:
    """What is written into; the first write waits until ``go`` is set."""

    def __init__(self, refuses: Callable[[Sequence[int]], Exception | None] | None = None) -> None:
        self.groups: list[list[int]] = []
        self.go = threading.Event()
        self.begun = threading.Event()
        self.refuses = refuses or (lambda items: None)

    def write(self, items: Sequence[int]) -> list[str]:
        self.groups.append(list(items))
        self.begun.set()
        assert self.go.wait(5)
        if error := self.refuses(items):
            raise error
        return [f"wrote {item}" for item in items]


def together(gathering: Gathering[int, str], book: Book, count: int) -> list[Future[str]]:
    """Bring 0 alone and, while it is being written, the others in order."""
    with ThreadPoolExecutor(count) as pool:
        futures = [pool.submit(gathering.put, 0)]
        assert book.begun.wait(5)
        for number in range(1, count):
            futures.append(pool.submit(gathering.put, number))
            end = time.monotonic() + 5
            while len(gathering._waiting) < number and time.monotonic() < end:
                time.sleep(0.001)
        book.go.set()
    return futures


def test_who_comes_alone_is_written_alone_and_at_once() -> None:
    book = Book()
    book.go.set()
    gathering = Gathering(book.write, hopeless=lambda error: False)
    assert [gathering.put(1), gathering.put(2)] == ["wrote 1", "wrote 2"]
    assert book.groups == [[1], [2]]


def test_who_waits_is_written_together_and_each_gets_its_own_result() -> None:
    book = Book()
    futures = together(Gathering(book.write, hopeless=lambda error: False), book, 5)
    assert [future.result() for future in futures] == [f"wrote {number}" for number in range(5)]
    assert book.groups == [[0], [1, 2, 3, 4]]


def test_one_that_cannot_be_written_takes_no_other_with_it() -> None:
    book = Book(lambda items: ValueError("a bad one") if 2 in items else None)
    gathering = Gathering(book.write, hopeless=lambda error: False)
    futures = together(gathering, book, 4)
    assert [future.exception() is None for future in futures] == [True, True, False, True]
    assert str(futures[2].exception()) == "a bad one"
    assert book.groups == [[0], [1, 2, 3], [1], [2], [3]]
    assert gathering.put(9) == "wrote 9", "the next is written as if nothing had happened"


def test_without_hope_each_is_told_at_once() -> None:
    book = Book(lambda items: OSError("gone") if items != [0] else None)
    futures = together(Gathering(book.write, hopeless=lambda error: True), book, 4)
    assert [type(future.exception()) for future in futures] == [type(None), *[OSError] * 3]
    assert book.groups == [[0], [1, 2, 3]]


def test_a_thread_that_is_ended_while_it_writes_leaves_nobody_waiting() -> None:
    class Ended(BaseException):
        pass

    book = Book(lambda items: Ended() if items == [1, 2, 3] else None)  # type: ignore[arg-type,return-value]
    gathering = Gathering(book.write, hopeless=lambda error: False)
    futures = together(gathering, book, 4)
    assert [type(future.exception()) for future in futures] == [type(None), *[Ended] * 3]
    assert gathering.put(9) == "wrote 9"


@pytest.mark.parametrize("threads", [2, 16])
def test_under_pressure_nothing_is_lost_or_written_twice(threads: int) -> None:
    written: list[int] = []

    def write(items: Sequence[int]) -> list[int]:
        time.sleep(0.0002)
        written.extend(items)
        return [-item for item in items]

    gathering = Gathering(write, hopeless=lambda error: False)
    with ThreadPoolExecutor(threads) as pool:
        results = list(pool.map(gathering.put, range(1, 1000)))
    assert results == [-number for number in range(1, 1000)]
    assert sorted(written) == list(range(1, 1000))
