"""What ``check`` says of what waits for Saleor: held mails, and consent to be written back.

Knows the two tables. Looking changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from .finding import WARN, Finding, at_page


def waiting_look(*, ready: bool) -> Iterator[Finding]:
    """Look what waits for Saleor."""
    if not ready:
        return
    from saleor_automation.delivery import reasons
    from saleor_automation.delivery.models import Message
    from saleor_automation.people.models import ConsentWriteBack

    held = Message.objects.filter(state=Message.State.PLANNED, reason=reasons.UNREACHABLE)
    if count := held.count():
        said = held.exclude(detail="").values_list("detail", flat=True).first() or ""
        yield Finding(
            "held mails",
            WARN,
            f"{count} wait until Saleor can be asked about them. {said}".strip(),
            at_page("See which in the Studio under Automation, Mails.", "mails/"),
        )
    lost = ConsentWriteBack.objects.filter(state=ConsentWriteBack.State.FAILED)
    if count := lost.count():
        said = lost.exclude(detail="").values_list("detail", flat=True).first() or ""
        yield Finding(
            "consent",
            WARN,
            f"What {count} people said could not be written to their accounts in Saleor. {said}",
            "It counts here all the same. docs/consent.md says what may be the matter.",
        )
