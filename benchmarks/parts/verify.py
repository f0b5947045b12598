"""Addresses verified per second, and the questions it costs, without a network.

The name server answers in the process: what is measured is the product's own work and how
often it asks. Each domain has its mail host, so none is shared: the dearest case.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path

from benchmarks import seed
from saleor_automation.people.verification.services import addresses_verify

PORTION = 1000


class Answers:
    """Every domain takes mail; questions are counted."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()

    def __call__(self, name: str, kind: str, seconds: float) -> list[str]:
        self.asked[kind] += 1
        return [f"10 mx.{name}."] if kind == "MX" else ["198.41.0.4"]


def measure(*, addresses: int, domains: int, folder: Path) -> dict[str, object]:
    """Return questions asked in all, and addresses per second: unknown, kept, and known."""
    now = seed.database_prepare()
    chance = random.Random(1)
    wanted = [f"person{number}@shop{chance.randrange(domains)}.shop" for number in range(addresses)]
    answers = Answers()

    def per_second(*, keep: bool, later: timedelta = timedelta(0)) -> float:
        started = time.perf_counter()
        for start in range(0, addresses, PORTION):
            addresses_verify(
                addresses=wanted[start : start + PORTION],
                now=now + later,
                seconds=None,
                dns=True,
                asker=answers,
                keep=keep,
            )
        return addresses / (time.perf_counter() - started)

    first = per_second(keep=False)
    asked = sum(answers.asked.values())
    kept = per_second(keep=True)
    known = per_second(keep=True)
    return {
        "questions": asked,
        "questions_later": sum(answers.asked.values()) - asked,
        "new_per_second": first,
        "kept_per_second": kept,
        "known_per_second": known,
    }
