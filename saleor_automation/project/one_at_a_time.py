"""Lets one request at a time into an application that does not bear threads.

Knows WSGI and locks; must not know Django's views. The network is kept outside the
lock: a request's body is read before it, and an answer is written after it, so that a
slow client holds a thread and not the process.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import signal
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Any

logger = logging.getLogger(__name__)

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

#: Larger bodies are refused: an upload is a picture or a document.
MAX_BODY_BYTES = 100 * 1024 * 1024
#: Up to here a body waits in memory, beyond in a temporary file.
MEMORY_BYTES = 1024 * 1024
#: Nobody waits longer for another request; whoever must is told so, and the process ends.
STUCK_SECONDS = 60.0

_CHUNK = 65536


class OneAtATime:
    """A WSGI application around another."""

    def __init__(self, application: Application, *, stuck_seconds: float = STUCK_SECONDS) -> None:
        self._application = application
        self._stuck_seconds = stuck_seconds
        self._lock = threading.Lock()

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        try:
            body = _body(environ)
        except _TooLarge:
            return _answer(start_response, "413 Content Too Large", "The body is too large.")
        except OSError:
            return _answer(start_response, "400 Bad Request", "The body ended early.")
        if not self._lock.acquire(timeout=self._stuck_seconds):
            # A gunicorn worker of one thread would have been killed by now.
            logger.critical("A request did not end in %s s: restarting.", self._stuck_seconds)
            body.close()
            os.kill(os.getpid(), signal.SIGTERM)
            return _answer(start_response, "503 Service Unavailable", "Try again in a moment.")
        with contextlib.ExitStack() as ending:
            ending.callback(body.close)
            try:
                environ["wsgi.input"] = body
                result = self._application(environ, start_response)
            finally:
                self._lock.release()
            wrapper = environ.get("wsgi.file_wrapper")
            is_file = wrapper is not None and isinstance(result, wrapper)
            if is_file or getattr(result, "streaming", True) is False:
                # Ready, or a file the server sends by itself: nothing is left to be computed.
                return result
            return _Pieces(result, self._lock, ending.pop_all())


class _Pieces:
    """An answer that is computed while it is sent, each piece under the lock."""

    def __init__(
        self, pieces: Iterable[bytes], lock: threading.Lock, ending: contextlib.ExitStack
    ) -> None:
        self._pieces = pieces
        self._lock = lock
        self._ending = ending

    def __iter__(self) -> Iterator[bytes]:
        with self._lock:
            pieces = iter(self._pieces)
        while True:
            with self._lock:
                piece = next(pieces, None)
            if piece is None:
                return
            yield piece

    def close(self) -> None:
        with self._lock, self._ending:
            close = getattr(self._pieces, "close", None)
            if close is not None:
                close()


class _TooLarge(Exception):
    pass


def _body(environ: dict[str, Any]) -> IO[bytes]:
    """Read the body to its end; without an announced length Django reads none, nor does this.

    Raises _TooLarge, and OSError for a body that ends early.
    """
    announced = environ.get("CONTENT_LENGTH") or "0"
    missing = int(announced) if announced.isdecimal() and len(announced) < 20 else 0
    if missing > MAX_BODY_BYTES:
        raise _TooLarge
    with contextlib.ExitStack() as ending:
        body: IO[bytes] = ending.enter_context(
            tempfile.TemporaryFile() if missing > MEMORY_BYTES else io.BytesIO()  # noqa: SIM115
        )
        while missing:
            piece = environ["wsgi.input"].read(min(_CHUNK, missing))
            if not piece:
                raise OSError("The body ended early.")
            body.write(piece)
            missing -= len(piece)
        ending.pop_all()
    body.seek(0)
    return body


def _answer(start_response: Callable[..., Any], status: str, words: str) -> list[bytes]:
    content = f"{words}\n".encode()
    headers = [("Content-Type", "text/plain"), ("Content-Length", str(len(content)))]
    start_response(status, headers)
    return [content]
