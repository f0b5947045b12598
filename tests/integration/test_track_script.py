"""The script for browsers: its size, and how long whoever loads it may keep it."""

from __future__ import annotations

import gzip

from saleor_automation.inbox.track.script import FILE, script_path, script_read
from tests.tracking import send


def test_the_script_is_small() -> None:
    packed = gzip.compress(FILE.read_bytes(), 9)
    assert len(packed) < 3 * 1024


def test_the_current_version_is_kept_for_a_year_and_another_for_an_hour() -> None:
    plain, packed, _version = script_read()
    answer = send("GET", script_path(), b"", {})
    assert (answer.status, answer.body) == (200, plain)
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    answer = send("GET", script_path(), b"", {"Accept-Encoding": "br, gzip"})
    assert (answer.body, answer.headers["Content-Encoding"]) == (packed, "gzip")
    assert gzip.decompress(packed) == plain
    for path in ("/v1/track.js", "/v1/track-0123456789.js"):
        answer = send("GET", path, b"", {})
        assert (answer.status, answer.body) == (200, plain)
        assert answer.headers["Cache-Control"] == "public, max-age=3600"
    assert send("POST", script_path(), b"", {}).status == 405
    assert send("GET", "/v1/track-xyz.js", b"", {}).status == 404
