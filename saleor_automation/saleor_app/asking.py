"""Asks Saleor about many things in few requests, and keeps what was answered.

Knows parts, time and failures; must not know what is asked. One thing that Saleor
cannot answer must not hold up the others, so a part that fails is asked again in
halves; but a Saleor that is down is not asked twenty times.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from saleor_automation.exceptions import SaleorAPIError

Question = TypeVar("Question")
Answer = TypeVar("Answer")

#: Seconds one batch of questions may take in all.
BUDGET_SECONDS = 15.0
#: Single questions that fail one after the other: then it is Saleor, not the question.
MAX_FAILURES = 2


@dataclass
class Answers(Generic[Question, Answer]):
    """What Saleor said, question by question."""

    found: dict[Question, Answer] = field(default_factory=dict)
    #: Monotonic time at which each answered question was asked.
    asked_at: dict[Question, float] = field(default_factory=dict)
    failed: dict[Question, SaleorAPIError] = field(default_factory=dict)


def ask_in_parts(
    questions: Sequence[Question],
    ask: Callable[[Sequence[Question]], Mapping[Question, Answer]],
    *,
    size: int,
    budget: float = BUDGET_SECONDS,
) -> Answers[Question, Answer]:
    """Ask ``size`` questions at a time, for at most about ``budget`` seconds. Never raises
    SaleorAPIError: each question is in ``found`` or in ``failed``.
    """
    answers: Answers[Question, Answer] = Answers()
    unique = list(dict.fromkeys(questions))
    waiting = [unique[start : start + size] for start in range(0, len(unique), size)]
    patience = time.monotonic() + budget
    failures = 0
    trouble: SaleorAPIError | None = None
    while waiting:
        part = waiting.pop(0)
        started = time.monotonic()
        if trouble is None and started > patience:
            trouble = SaleorAPIError("Saleor answers too slowly to be asked about every mail.")
        if trouble is not None:
            answers.failed.update(dict.fromkeys(part, trouble))
            continue
        try:
            said = ask(part)
        except SaleorAPIError as error:
            if len(part) > 1:
                half = len(part) // 2
                waiting[:0] = [part[:half], part[half:]]
                continue
            answers.failed[part[0]] = error
            failures += 1
            if failures >= MAX_FAILURES:
                trouble = error
            continue
        failures = 0
        answers.found.update(said)
        answers.asked_at.update(dict.fromkeys(said, started))
    return answers
