"""The colours of the pages in the Dashboard can be read, in light and dark."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders

#: What is written on what, and how far they must be apart (WCAG 2.2, 1.4.3 and 1.4.11).
PAIRS = [
    ("text", "page", 4.5),
    ("text", "raised", 4.5),
    ("text", "tag", 4.5),
    ("soft", "page", 4.5),
    ("link", "page", 4.5),
    ("button-text", "button", 4.5),
    ("button-text", "button-over", 4.5),
    ("tag-on-text", "tag-on", 4.5),
    ("warn", "warn-back", 4.5),
    ("text", "warn-back", 4.5),
    ("problem", "page", 4.5),
    ("problem", "problem-back", 4.5),
    ("text", "problem-back", 4.5),
    ("bar", "page", 3.0),
    ("ok", "page", 3.0),
    ("warn", "page", 3.0),
]


def themes() -> dict[str, dict[str, str]]:
    found = finders.find("saleor_automation/dashboard.css")
    assert isinstance(found, str)
    blocks = re.findall(r"(:root[^{]*)\{([^}]*)\}", Path(found).read_text())
    return {
        selector.strip(): dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{3,6});", body))
        for selector, body in blocks
    }


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", [":root", ':root[data-theme="dark"]'])
@pytest.mark.parametrize(("front", "back", "least"), PAIRS)
def test_contrast(theme: str, front: str, back: str, least: float) -> None:
    colours = themes()[theme]
    lighter, darker = sorted((luminance(colours[front]), luminance(colours[back])), reverse=True)
    assert (lighter + 0.05) / (darker + 0.05) >= least


def test_both_ways_to_be_dark_are_the_same() -> None:
    found = themes()
    assert found[':root[data-theme="dark"]'] == found[":root:not([data-theme])"]
    assert set(found[":root"]) == set(found[':root[data-theme="dark"]'])
