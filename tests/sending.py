"""Sending by hand: a batch is claimed and run as the queue does."""

from __future__ import annotations

import uuid

from saleor_automation import clock
from saleor_automation.delivery.models import Message
from saleor_automation.sequences.tasks import lane_run
from saleor_automation.sequences.worker import LANES
from tests.engine import Play, sending_open


def planned(play: Play, *names: str) -> Play:
    """Let people join; their first mails are planned and not sent."""
    for name in names:
        play.shopper(name)
    token = uuid.uuid4()
    lane = LANES["enrollments"]
    rows = lane.claim(token, clock.now(), clock.wall(), 100)
    lane.run(claim=token, ids=[str(row.pk) for row in rows], now=clock.now())
    sending_open()
    return play


def claimed(lane: str = "messages") -> tuple[str, list[str]]:
    token = uuid.uuid4()
    rows = LANES[lane].claim(token, clock.now(), clock.wall(), 100)
    return token.hex, [str(row.pk) for row in rows]


def one_round(lane: str = "messages") -> None:
    """Claim a batch and run it as the queue does, errors and all."""
    token, ids = claimed(lane)
    if ids:
        lane_run(lane, token, ids)


def first_mail() -> Message:
    return Message.objects.order_by("planned_at", "key")[0]


def outcome() -> tuple[str, str]:
    message = first_mail()
    return message.state, message.reason
