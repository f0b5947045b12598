"""What a shop's flags say about a person, put into the ledger.

Knows flags, their dates and what we wrote ourselves; ``metadata`` reads them. Every
rule is about rows and times, never about the order of arrival. Callers hold the
contact's lock.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from saleor_automation.conf import conf
from saleor_automation.contract.values import iso

from .consent import ACCOUNT, SHOP, WRITE_BACK, ConsentState, addresses_of, words_of
from .digests import address_digests
from .metadata import Flag, Words, echo_of, flag_dated, words_of_settings
from .models import Consent, Contact, Suppression

__all__ = ["account_hear", "basket_hear", "flag_words", "suppression_lift"]

#: Basis of a sighting nobody saw: what was changed must have stood there before.
INFERRED = "inferred"


def flag_words() -> Words:
    """Return what flags may say in this shop."""
    return words_of_settings(conf().consent_yes_words, conf().consent_no_words)


def basket_hear(
    *, contact: Contact, flag: Flag, source: str, at: datetime, latest: datetime
) -> None:
    """Hear the flag of a basket or an order; without a date it is as old as the object.

    Its "yes" is not heard from somebody who unsubscribed from everything: many shops tick
    that box beforehand, so it is no proof that they came back. Nor is it heard from somebody
    who took back that "no" for some topics alone.
    """
    if flag.state == Consent.State.GRANTED and (
        _own_no(contact).exists() or _own_no_stands(contact)
    ):
        return
    _add(contact, flag.state, source, flag_dated(flag, at=at, latest=latest))


def account_hear(
    *, contact: Contact, flag: Flag, at: datetime, latest: datetime, since: datetime
) -> None:
    """Hear the flag of an account as it stood at ``at``.

    ``since`` is the earliest time at which it may have been set when it has no date.
    """
    said = set(
        Consent.objects.filter(contact=contact)
        .exclude(source=WRITE_BACK)
        .values_list("state", "at")
    )
    if echo_of(flag, said):
        _add(contact, flag.state, WRITE_BACK, at, wording=iso(flag.at or at))
        return
    if flag.ours and flag.at is not None:
        _echo_infer(contact, flag, at)
        since = at
    if flag.at is not None and not flag.ours:
        _add(contact, flag.state, ACCOUNT, flag_dated(flag, at=at, latest=latest))
        return
    _add(contact, flag.state, ACCOUNT, at, since=min(since, at))


def _echo_infer(contact: Contact, flag: Flag, at: datetime) -> None:
    """Note that our writing stood there before somebody changed the flag alone."""
    assert flag.at is not None  # noqa: S101 - asked by the caller
    seen = Consent.objects.filter(contact=contact, source=WRITE_BACK, wording=iso(flag.at))
    if seen.filter(at__lt=at).exists():
        return
    # Inferred from a later payload that came before this one.
    seen.filter(basis=INFERRED).delete()
    other = (
        Consent.State.WITHDRAWN if flag.state == Consent.State.GRANTED else Consent.State.GRANTED
    )
    moment = at - timedelta(microseconds=1)
    _add(contact, other, WRITE_BACK, moment, wording=iso(flag.at), basis=INFERRED)


def _add(
    contact: Contact,
    state: str,
    source: str,
    at: datetime,
    *,
    since: datetime | None = None,
    wording: str = "",
    basis: str = "",
) -> None:
    key = {"contact": contact, "channel": "", "topic": "", "state": state, "source": source}
    row = Consent(**key, at=at, since=since, wording=wording, basis=basis)
    Consent.objects.bulk_create([row], ignore_conflicts=True)
    # The same sighting again, with better evidence of its age.
    known = Consent.objects.filter(**key, at=at, since__isnull=False)
    if since is None:
        known.update(since=None)
    else:
        known.filter(since__lt=since).update(since=since)


def suppression_lift(contact: Contact) -> None:
    """Lift a person's "no" to everything when their account says a newer "yes".

    Their "no" to one topic stays, and so do dead mailboxes, complaints and the shop's own
    blocks.
    """
    word = ConsentState(tuple(words_of(list(Consent.objects.filter(contact=contact))))).newest(
        "", ""
    )
    if word is None or not word.granted or word.source not in SHOP:
        return
    _own_no(contact).filter(at__lt=word.at).delete()


def _own_no_stands(contact: Contact) -> bool:
    """Whether the last word about everything is a "no" given here."""
    word = ConsentState(tuple(words_of(list(Consent.objects.filter(contact=contact))))).newest(
        "", ""
    )
    return word is not None and not word.granted and word.source not in SHOP


def _own_no(contact: Contact) -> QuerySet[Suppression]:
    """Return a person's own "no" to everything, given here."""
    digests = address_digests(set(addresses_of(contact)))
    return Suppression.objects.filter(
        Q(contact=contact) | Q(address_digest__in=list(digests.values())),
        reason=Suppression.Reason.UNSUBSCRIBED,
        channel="",
        topic="",
    )
