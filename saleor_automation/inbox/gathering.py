"""Writes what several threads bring at one moment together.

Knows threads and groups; must not know rows or databases. While one thread writes,
others arrive and wait; the first of them then writes for all who wait. Nobody waits
for company: a thread that comes alone writes at once, alone.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class _Slip(Generic[Item, Result]):
    """One thread's item, and what became of it."""

    __slots__ = ("error", "gate", "item", "result")

    def __init__(self, item: Item) -> None:
        self.item = item
        self.result: list[Result] = []
        self.error: BaseException | None = None
        #: Opened when there is an outcome, or when it is this thread's turn to write.
        self.gate = threading.Lock()
        self.gate.acquire()


class Gathering(Generic[Item, Result]):
    """Calls ``write`` for one group at a time; it returns one result per item, in order.

    When ``write`` fails for a group each item is written on its own, so that one which
    cannot be written takes no other with it, unless ``hopeless`` says that it makes no
    difference.
    """

    def __init__(
        self,
        write: Callable[[Sequence[Item]], Sequence[Result]],
        *,
        hopeless: Callable[[Exception], bool],
    ) -> None:
        self._write = write
        self._hopeless = hopeless
        self._lock = threading.Lock()
        self._waiting: list[_Slip[Item, Result]] = []
        self._writing = False

    def put(self, item: Item) -> Result:
        """Write ``item``, with whatever waits; return its result or raise its error."""
        slip: _Slip[Item, Result] = _Slip(item)
        with self._lock:
            self._waiting.append(slip)
            leads, self._writing = not self._writing, True
        if not leads:
            slip.gate.acquire()
        if not slip.result and slip.error is None:
            self._lead()
        if slip.error is not None:
            raise slip.error
        return slip.result[0]

    def _lead(self) -> None:
        with self._lock:
            group, self._waiting = self._waiting, []
        own = group[0]
        try:
            self._settle(group)
        except BaseException as error:
            # Whatever ends this thread must not leave the others waiting.
            for slip in group:
                if not slip.result and slip.error is None:
                    slip.error = error
            raise
        finally:
            with self._lock:
                successor = self._waiting[0] if self._waiting else None
                self._writing = successor is not None
            # First: it has the writing before it, the others only their answers.
            if successor is not None:
                successor.gate.release()
            for slip in group:
                if slip is not own:
                    slip.gate.release()

    def _settle(self, group: list[_Slip[Item, Result]]) -> None:
        try:
            results = self._write([slip.item for slip in group])
        except Exception as error:
            if len(group) == 1 or self._hopeless(error):
                for slip in group:
                    slip.error = error
            else:
                for slip in group:
                    self._settle([slip])
            return
        for slip, result in zip(group, results, strict=True):
            slip.result.append(result)
