"""What others ask about addresses: will it arrive, and may the shop write there?

Knows the rows. ``addresses_verify`` may ask the DNS: call it where no transaction is open.
The rest reads and writes rows only.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Count

from saleor_automation.people.consent import DOUBLE_OPT_IN
from saleor_automation.people.digests import address_digest, address_digests
from saleor_automation.people.models import Consent, Suppression

from .assessing import assess, checker_name, needs_dns
from .domain_checks import domain_states, domains_check
from .domains import DomainState
from .history import History
from .models import AddressPolicy, Verification
from .policy import DEFAULTS, Action, choices_known
from .resolver import Asker, dns_wanted
from .syntax import address_parse
from .verdicts import Assessment, Reason, Verdict, suppressed_too

#: Seconds a shopper's or editor's request may wait for the DNS.
REQUEST_SECONDS = 2.0
#: A row without experience of ours that nobody asked about for so long is deleted.
KEPT_FOR = timedelta(days=400)

_SAID = {
    Suppression.Reason.COMPLAINT: Reason.COMPLAINED,
    Suppression.Reason.MANUAL: Reason.BLOCKED,
    Suppression.Reason.UNSUBSCRIBED: Reason.UNSUBSCRIBED,
    Suppression.Reason.HARD_BOUNCE: Reason.OWN_HARD_BOUNCE,
}


def address_verify(
    *,
    address: str,
    now: datetime,
    seconds: float | None = REQUEST_SECONDS,
    dns: bool | None = None,
    asker: Asker | None = None,
    again: bool = False,
) -> Assessment:
    """Return what is known about one address, suppressions included. See ``addresses_verify``."""
    found = addresses_verify(
        addresses=[address], now=now, seconds=seconds, dns=dns, asker=asker, again=again
    )
    return suppressions_add(found)[address]


def addresses_verify(
    *,
    addresses: Iterable[str],
    now: datetime,
    seconds: float | None = REQUEST_SECONDS,
    dns: bool | None = None,
    asker: Asker | None = None,
    again: bool = False,
    keep: bool = True,
) -> dict[str, Assessment]:
    """Return what is known about addresses, finding out what is missing or too old.

    Each domain is asked about once, for ``seconds`` in all (None: as long as it takes); an
    address there was no time for is ``unknown`` and not ``complete``. ``dns`` None does as the
    settings say; ``asker`` None asks this machine's name servers. ``again`` asks even about
    what is known. ``keep`` False leaves no trace of the addresses, only of their domains.

    Suppressions are not looked at: see ``suppressions_add``.
    """
    ask = dns_wanted() if dns is None else dns
    checker = checker_name(dns=ask)
    wanted = list(dict.fromkeys(address for address in addresses if address))
    digests = address_digests(wanted)
    rows = _rows(digests.values())
    found: dict[str, Assessment] = {}
    stale: list[str] = []
    for address in wanted:
        row = rows.get(digests[address])
        if row is not None and not again and _is_fresh(row, checker, now):
            found[address] = assessment_of(row)
        else:
            stale.append(address)
    if not stale:
        return found
    parsed = {address: address_parse(address.strip()) for address in stale}
    histories = {address: history_of(rows.get(digests[address])) for address in stale}
    domains = [
        parsed[address].domain
        for address in stale
        if needs_dns(parsed[address], histories[address], now)
    ]
    states: Mapping[str, DomainState] = {}
    if ask and domains:
        states = domains_check(domains, asker=asker, now=now, seconds=seconds, again=again)
    made = {
        address: assess(
            parsed[address],
            history=histories[address],
            state=states.get(parsed[address].domain),
            now=now,
            dns=ask,
        )
        for address in stale
    }
    if keep:
        _keep(
            {
                digests[address]: one
                for address, one in made.items()
                # What nothing was found out about is not kept, but takes the place of what was.
                if one.complete and (one.reasons != _NOTHING.reasons or digests[address] in rows)
            },
            checker,
        )
    return found | made


def verifications_of(addresses: Iterable[str]) -> dict[str, Assessment]:
    """Return what was found about addresses before, suppressions included; asks nobody.

    An address nobody asked about yet, and nobody suppressed, is left out.
    """
    digests = address_digests(addresses)
    rows = _rows(digests.values())
    known = {
        address: assessment_of(rows[digest]) if digest in rows else _NOTHING
        for address, digest in digests.items()
    }
    return {
        address: assessment
        for address, assessment in suppressions_add(known).items()
        if assessment is not _NOTHING
    }


_NOTHING = Assessment(verdict=Verdict.UNKNOWN, reasons=(Reason.NOT_CHECKED,))


def suppressions_add(found: Mapping[str, Assessment]) -> dict[str, Assessment]:
    """Return the assessments with what people and the shop said put above them.

    Only what concerns every mail: a "no" to one topic or channel says nothing of the address.
    """
    digests = address_digests(found)
    said: dict[str, Reason] = {
        digest: _SAID[Suppression.Reason(reason)]
        for digest, reason in Suppression.objects.filter(
            address_digest__in=list(digests.values()), channel="", topic=""
        ).values_list("address_digest", "reason")
    }
    return {
        address: suppressed_too(one, (said[digests[address]],))
        if digests.get(address) in said
        else one
        for address, one in found.items()
    }


@transaction.atomic
def history_record(
    *,
    address: str,
    now: datetime,
    delivered_at: datetime | None = None,
    hard_bounce_at: datetime | None = None,
) -> Assessment:
    """Take an experience of ours with an address; an older one than is known changes nothing.

    ``delivered_at``: the receiving server took the mail. ``hard_bounce_at``: it said that there
    is no such mailbox. A mail that our own mail service accepted says neither.
    """
    digest = address_digest(address)
    Verification.objects.bulk_create(
        [
            Verification(
                address_digest=digest,
                verdict=Verdict.UNKNOWN.value,
                reason=Reason.NOT_CHECKED.value,
                reasons=[Reason.NOT_CHECKED.value],
                checked_at=now,
            )
        ],
        ignore_conflicts=True,
    )
    row = Verification.objects.select_for_update().get(address_digest=digest)
    row.own_delivered_at = _later(row.own_delivered_at, delivered_at)
    row.own_hard_bounce_at = _later(row.own_hard_bounce_at, hard_bounce_at)
    parsed = address_parse(address.strip())
    state = domain_states([parsed.domain]).get(parsed.domain)
    asked = dns_wanted()
    assessment = assess(parsed, history=history_of(row), state=state, now=now, dns=asked)
    _fill(row, assessment, checker_name(dns=asked))
    row.save()
    return assessment


def addresses_forget(addresses: Collection[str]) -> None:
    """Delete what is kept about addresses, because their person is erased."""
    Verification.objects.filter(
        address_digest__in=list(address_digests(addresses).values())
    ).delete()


def verifications_prune(*, now: datetime) -> int:
    """Delete rows nobody asked about for a year and that hold no experience of ours."""
    deleted, _ = Verification.objects.filter(
        checked_at__lt=now - KEPT_FOR, own_delivered_at=None, own_hard_bounce_at=None
    ).delete()
    return deleted


def verification_counts() -> dict[tuple[Verdict, Reason], int]:
    """Return how many addresses stand where, by verdict and deciding reason."""
    rows = Verification.objects.order_by().values_list("verdict", "reason").annotate(Count("pk"))
    return {(Verdict(verdict), Reason(reason)): count for verdict, reason, count in rows}


def policy_choices() -> dict[Reason, Action]:
    """Return what is done about each reason a shop decides about."""
    row = AddressPolicy.objects.filter(pk=1).first()
    return choices_known(row.choices if row is not None else {})


def policy_set(*, choices: Mapping[Reason, Action]) -> None:
    """Keep what a shop decided; what equals its default is not kept, and follows it."""
    kept = {
        reason.value: action.value
        for reason, action in choices.items()
        if reason in DEFAULTS and action is not DEFAULTS[reason]
    }
    AddressPolicy.objects.update_or_create(pk=1, defaults={"choices": kept})


def contacts_confirmed(contact_ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """Return who showed that their address is theirs: by a double opt-in."""
    return set(
        Consent.objects.filter(
            contact__in=contact_ids, state=Consent.State.GRANTED, basis=DOUBLE_OPT_IN
        ).values_list("contact_id", flat=True)
    )


def assessment_of(row: Verification) -> Assessment:
    """Return a row's values."""
    return Assessment(
        verdict=Verdict(row.verdict),
        reasons=tuple(Reason(code) for code in row.reasons),
        domain=row.domain,
        suggestion=row.suggestion,
        evidence=row.evidence,
        checked_at=row.checked_at,
        expires_at=row.expires_at,
    )


def history_of(row: Verification | None) -> History:
    """Return our experience with an address."""
    if row is None:
        return History()
    return History(row.own_delivered_at, row.own_hard_bounce_at)


def _rows(digests: Iterable[str]) -> dict[str, Verification]:
    rows = Verification.objects.filter(address_digest__in=set(digests))
    return {row.address_digest: row for row in rows}


def _is_fresh(row: Verification, checker: str, now: datetime) -> bool:
    return row.checker == checker and (row.expires_at is None or now < row.expires_at)


def _fill(row: Verification, assessment: Assessment, checker: str) -> None:
    assert assessment.checked_at is not None  # noqa: S101 - one just made
    row.domain = assessment.domain
    row.verdict = assessment.verdict.value
    row.reason = assessment.reason.value
    row.reasons = [reason.value for reason in assessment.reasons]
    row.suggestion = assessment.suggestion
    row.evidence = dict(assessment.evidence)
    row.checked_at = assessment.checked_at
    # What there was no time for is asked about next time.
    row.expires_at = assessment.expires_at if assessment.complete else assessment.checked_at
    row.checker = checker


_FILLED = [
    "domain",
    "verdict",
    "reason",
    "reasons",
    "suggestion",
    "evidence",
    "checked_at",
    "expires_at",
    "checker",
]


def _keep(made: Mapping[str, Assessment], checker: str) -> None:
    if not made:
        return
    rows = []
    # In one order, so that two workers wait for each other and not in a circle.
    for digest, assessment in sorted(made.items()):
        row = Verification(address_digest=digest)
        _fill(row, assessment, checker)
        rows.append(row)
    Verification.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["address_digest"], update_fields=_FILLED
    )


def _later(known: datetime | None, new: datetime | None) -> datetime | None:
    if known is None or new is None:
        return new if known is None else known
    return max(known, new)
