"""The demo's table: how it shares a narrow window between its columns."""

from __future__ import annotations

from saleor_automation.demo.report import column_widths

LINES = [
    ("Who", "Mail", "Why"),
    ("Aina (ms)", "Basket 2: Any trouble?", "Deleted their account: everything was erased."),
    ("", "Basket 1: Still here", ""),
]


def test_no_word_is_cut_when_there_is_room_for_the_longest():
    widths = column_widths(LINES, 40)
    assert sum(widths) == 40
    for width, column in zip(widths, zip(*LINES, strict=True), strict=True):
        assert width >= max(len(word) for text in column for word in text.split())


def test_a_wide_window_is_not_filled():
    assert column_widths(LINES, 500) == [9, 22, 45]


def test_a_window_too_narrow_gets_the_longest_words():
    assert column_widths(LINES, 5) == [4, 8, 10]
