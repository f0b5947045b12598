"""The shop's topics, and what a person wished that is no word of consent."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Topic(models.Model):
    """Something people may want mail about or not. Sequences and consent name it by its key."""

    key = models.SlugField(
        _("key"),
        max_length=64,
        unique=True,
        help_text=_("Sequences name the topic by it. It cannot be changed afterwards."),
    )
    #: {"en": {"name": .., "description": ..}, ..}, by language.
    texts = models.JSONField(default=dict, blank=True)
    position = models.PositiveSmallIntegerField(
        _("place in the list"), default=0, help_text=_("Smaller numbers stand first.")
    )
    #: False: not shown to people; what they said about it stays.
    offered = models.BooleanField(_("people may choose it"), default=True)

    class Meta:
        verbose_name = _("topic")
        verbose_name_plural = _("topics")
        ordering = ["position", "key"]

    def __str__(self) -> str:
        return self.key


class Preference(models.Model):
    """What one person wished. Who never chose anything has no row."""

    class Tracking(models.TextChoices):
        UNSAID = "", _("not said")
        YES = "yes", _("agreed")
        NO = "no", _("declined")

    contact = models.OneToOneField(
        "saleor_automation.Contact",
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="preference",
    )
    #: No marketing mail until then.
    paused_until = models.DateTimeField(null=True, blank=True)
    #: At most one marketing mail in seven days.
    fewer = models.BooleanField(default=False)
    #: Whether opens and clicks may be measured.
    tracking = models.CharField(
        max_length=3, choices=Tracking.choices, blank=True, default=Tracking.UNSAID
    )
    changed_at = models.DateTimeField()

    class Meta:
        verbose_name = _("preference")
        verbose_name_plural = _("preferences")

    def __str__(self) -> str:
        return str(self.contact_id)
