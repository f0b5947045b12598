"""A file of people on its way in: its lines, what was wrong with some, and what it changed.

Knows rows and keys. The lines stand in pieces, each applied in one transaction with the
cursor, so that a killed worker leaves nothing half done and nothing is done twice.
"""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class ContactImport(models.Model):
    """One file, from its upload to the end, or back."""

    class State(models.TextChoices):
        UPLOADED = "uploaded", _("columns to be chosen")
        CHECKING = "checking", _("being looked over")
        CHECKED = "checked", _("looked over, nothing done yet")
        RUNNING = "running", _("being imported")
        DONE = "done", _("imported")
        UNDOING = "undoing", _("being undone")
        UNDONE = "undone", _("undone")
        FAILED = "failed", _("stopped")

    name = models.CharField(max_length=255)
    #: SHA-256, hex, of the file: the same command run again goes on with it.
    digest = models.CharField(max_length=64)
    #: How the file was read: "utf-8", "cp1252", "xlsx" ...
    encoding = models.CharField(max_length=16)
    #: Names of the columns.
    header = models.JSONField(default=list)
    lines = models.PositiveIntegerField(default=0)
    pieces = models.PositiveIntegerField(default=0)
    #: What the columns mean and where people agreed: see ``importing.rules``.
    rules = models.JSONField(default=dict)
    state = models.CharField(max_length=10, choices=State.choices, default=State.UPLOADED)
    #: What it goes back to when somebody lets it go on after it stopped.
    stopped = models.CharField(max_length=10, blank=True, default="")
    #: The next piece.
    cursor = models.PositiveIntegerField(default=0)
    #: How many lines came to what, by the codes of ``importing.outcomes``.
    counts = models.JSONField(default=dict)
    #: The same of the look beforehand, kept to compare.
    expected = models.JSONField(default=dict)
    #: Why it stopped, in words for a person.
    problem = models.CharField(max_length=255, blank=True, default="")
    #: What it says is as old as this.
    created_at = models.DateTimeField()
    #: Name of the user, kept when the user is gone.
    created_by = models.CharField(max_length=150, blank=True, default="")
    finished_at = models.DateTimeField(null=True, blank=True)
    claim = models.UUIDField(null=True, blank=True)
    #: Real time, not the shop's: see ``clock``.
    claimed_until = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)

    class Meta:
        verbose_name = _("import of people")
        verbose_name_plural = _("imports of people")

    def __str__(self) -> str:
        return self.name

    @property
    def source(self) -> str:
        """What its words of consent and its traits give as their source."""
        return f"import:{self.pk}"


class ImportPiece(models.Model):
    """Some lines of the file, as JSON: [line, cells], or [line, null, what is wrong].

    Text, not packed: who is erased is searched for in it. Emptied when the import is over.
    """

    importing = models.ForeignKey(ContactImport, on_delete=models.CASCADE, related_name="parts")
    number = models.PositiveIntegerField()
    rows = models.TextField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["importing", "number"], name="sa_import_piece_once")
        ]

    def __str__(self) -> str:
        return f"{self.importing_id}/{self.number}"


class ImportFault(models.Model):
    """A line that was left out, or a value of it."""

    importing = models.ForeignKey(ContactImport, on_delete=models.CASCADE, related_name="faults")
    line = models.PositiveIntegerField()
    #: A code of ``importing.outcomes``.
    kind = models.CharField(max_length=16)
    reason = models.CharField(max_length=255)
    #: The line's cells, as JSON; text, because who is erased is searched for in it.
    cells = models.TextField(default="[]")

    class Meta:
        indexes = [models.Index(fields=["importing", "line"], name="sa_import_fault_line")]

    def __str__(self) -> str:
        return f"{self.line}: {self.reason}"


class ImportChange(models.Model):
    """What an import did to one person, so that it can be undone."""

    importing = models.ForeignKey(
        ContactImport, on_delete=models.CASCADE, related_name="changes", db_index=False
    )
    contact = models.ForeignKey("saleor_automation.Contact", on_delete=models.CASCADE)
    #: The person was not known before.
    created = models.BooleanField(default=False)
    #: The key of the profile's evidence, and what stood before: "slots", "traits", "tags".
    before = models.JSONField(default=dict)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["importing", "contact"], name="sa_import_change_once")
        ]

    def __str__(self) -> str:
        return f"{self.importing_id} {self.contact_id}"
