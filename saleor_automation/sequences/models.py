"""The engine's rows: compiled sequences and the people inside them.

Knows versions, enrollments and steps. Must not know Wagtail rows or messages.
Keys in the database, not checks in code, keep a step from running twice.
"""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _


class SequenceSwitch(models.Model):
    """Whether a sequence takes people in and lets those inside go on."""

    class State(models.TextChoices):
        OFF = "off", _("off")
        ON = "on", _("on")
        PAUSED = "paused", _("paused")

    #: Key of the editor's Sequence.
    sequence = models.UUIDField(primary_key=True)
    name = models.CharField(max_length=255)
    #: OFF: nobody enters, those inside finish. PAUSED: nobody enters or moves.
    state = models.CharField(max_length=8, choices=State.choices, default=State.OFF)
    changed_at = models.DateTimeField()

    class Meta:
        verbose_name = _("sequence switch")
        verbose_name_plural = _("sequence switches")

    def __str__(self) -> str:
        return f"{self.name}: {self.state}"


class SequenceVersion(models.Model):
    """One compiled graph, never changed again. Format: ``sequences.graph``."""

    #: Key of the editor's Sequence.
    sequence = models.UUIDField()
    number = models.PositiveIntegerField()
    digest = models.CharField(max_length=64)
    graph = models.JSONField()
    #: The one new people enter; at most one per sequence.
    is_current = models.BooleanField(default=False)
    #: Kind of Event that starts it; copied from the graph for look-ups.
    trigger = models.CharField(max_length=32)
    created_at = models.DateTimeField()

    class Meta:
        verbose_name = _("sequence version")
        verbose_name_plural = _("sequence versions")
        constraints = [
            models.UniqueConstraint(
                fields=["sequence", "number"], name="sa_sequence_version_number"
            ),
            models.UniqueConstraint(
                fields=["sequence", "digest"], name="sa_sequence_version_digest"
            ),
            models.UniqueConstraint(
                fields=["sequence"],
                condition=Q(is_current=True),
                name="sa_sequence_version_current",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.sequence} v{self.number}"


class Enrollment(models.Model):
    """One person's way through one sequence, once per (entry key, occurrence)."""

    class State(models.TextChoices):
        #: The trigger fired; waiting until the shop is quiet about it.
        DEBOUNCING = "debouncing", _("about to enter")
        ACTIVE = "active", _("under way")
        #: At a send step until its Message is settled; ``due_at`` is null.
        SENDING = "sending", _("mail being sent")
        FINISHED = "finished", _("finished")
        EXITED = "exited", _("left early")
        ERROR = "error", _("stopped by an error")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    #: Key of the editor's Sequence.
    sequence = models.UUIDField()
    version = models.ForeignKey(SequenceVersion, on_delete=models.PROTECT)
    #: What started it: an account, a checkout, an order (Saleor's global id).
    entry_key = models.CharField(max_length=128)
    occurrence = models.PositiveIntegerField(default=0)
    contact = models.ForeignKey(
        "saleor_automation.Contact", on_delete=models.CASCADE, related_name="enrollments"
    )
    #: Ids the conditions and mails are about: {"checkout": .., "order": .., "channel": ..}.
    context = models.JSONField(default=dict)
    state = models.CharField(max_length=12, choices=State.choices)
    node = models.CharField(max_length=64, blank=True, default="")
    #: The shop's time at which the person came to ``node``.
    node_entered_at = models.DateTimeField()
    entered_at = models.DateTimeField()
    due_at = models.DateTimeField(null=True, blank=True)
    #: Mails planned so far.
    mails = models.PositiveIntegerField(default=0)
    #: Why it ended, a code of ``sequences.reasons``.
    reason = models.CharField(max_length=64, blank=True, default="")
    finished_at = models.DateTimeField(null=True, blank=True)
    claim = models.UUIDField(null=True, blank=True)
    #: Real time, not the shop's: see ``clock``.
    claimed_until = models.DateTimeField(null=True, blank=True)
    #: Claims since it last moved on; a row that kills workers is stopped by it.
    attempts = models.PositiveSmallIntegerField(default=0)

    class Meta:
        verbose_name = _("enrollment")
        verbose_name_plural = _("enrollments")
        constraints = [
            models.UniqueConstraint(
                fields=["sequence", "entry_key", "occurrence"], name="sa_enrollment_once"
            )
        ]
        indexes = [
            models.Index(
                F("due_at"),
                condition=Q(state__in=["debouncing", "active"]),
                name="sa_enrollment_due",
            ),
            models.Index(
                fields=["contact"],
                condition=Q(state__in=["debouncing", "active", "sending"]),
                name="sa_enrollment_contact",
            ),
            models.Index(fields=["sequence", "state"], name="sa_enrollment_sequence"),
        ]

    def __str__(self) -> str:
        return f"{self.entry_key} {self.state}"


class StepRun(models.Model):
    """One step taken by one person, once per occurrence."""

    enrollment = models.ForeignKey(
        Enrollment, on_delete=models.CASCADE, related_name="steps", db_index=False
    )
    node = models.CharField(max_length=64)
    occurrence = models.PositiveIntegerField(default=0)
    #: sent, waited, then, otherwise, exited, skipped.
    outcome = models.CharField(max_length=32)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["enrollment", "node", "occurrence"], name="sa_step_run_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.node} {self.outcome}"


class Heartbeat(models.Model):
    """When a part of the worker was last seen alive, in real time."""

    name = models.CharField(max_length=64, primary_key=True)
    at = models.DateTimeField()
    detail = models.JSONField(default=dict)

    def __str__(self) -> str:
        return f"{self.name} {self.at:%H:%M:%S}"
