"""Writes what people say here into their account in Saleor, so that the shop knows.

Knows the ledger, one row per person that is to be written, and three documents valid on
3.21 to 3.24. Never runs in a shopper's request: ``write_back_plan`` only leaves a row, a
chore writes. Each word is written at most once, and never over a newer one: the account
is read first. Guests have no account, so nothing is written for them; their word is
written once they make one.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F

from saleor_automation.conf import conf
from saleor_automation.contract.values import moment, pairs
from saleor_automation.exceptions import ContractError, SaleorAPIError
from saleor_automation.saleor_app.api import graphql

from .consent import SHOP, ConsentState, Word, flag_of, is_imported, words_of
from .hearing import account_hear, flag_words, suppression_lift
from .identities import user_of
from .metadata import flag_read, flag_write, names_of
from .models import Consent, ConsentWriteBack, Contact

logger = logging.getLogger(__name__)

#: Rows, and seconds, one run of the chore may take.
LIMIT = 200
BUDGET_SECONDS = 25.0
#: How long a row is left alone while it is being written.
LEASE = timedelta(minutes=2)
#: Tries after which a row is given up; about four days of them.
MAX_TRIES = 100

_READ = """query SaleorAutomationAccount($id: ID!) {
  user(id: $id) { id dateJoined updatedAt metadata { key value } }
}"""
_WRITE = """mutation SaleorAutomationConsent($id: ID!, $input: [MetadataInput!]!) {
  %s(id: $id, input: $input) { errors { code message } }
}"""

Row = ConsentWriteBack
State = ConsentWriteBack.State


def write_back_key() -> str:
    """Return the key consent is written under; "" when nothing is written."""
    return conf().consent_write_back_key or next(iter(names_of(conf().consent_customer_keys)), "")


def _mirrors() -> bool:
    """Whether what is written is what is read: then it is compared, and seen again."""
    return not conf().consent_write_back_private and write_back_key() in names_of(
        conf().consent_customer_keys
    )


def write_back_plan(*, contact: Contact, now: datetime) -> None:
    """Leave a row when a person's last word is not what their account says.

    Written are words said here, and later ones of the shop where what we wrote before would
    contradict them. Must run in a transaction, with the contact locked.
    """
    if not conf().consent_write_back or not write_back_key():
        return
    rows = list(Consent.objects.filter(contact=contact))
    word = _last(rows)
    if word is None:
        return
    row = Row.objects.filter(contact=contact).first()
    said = _state(word)
    if row is not None and (row.said, row.said_at) == (said, word.at):
        return
    if _mirrors() and flag_of(rows) == said:
        if row is not None and row.state == State.PENDING:
            Row.objects.filter(pk=row.pk).update(state=State.NEEDLESS)
        return
    if row is None and (word.source in SHOP or is_imported(word.source)):
        return
    # Saleor lets an app without MANAGE_STAFF write to customers only.
    if contact.is_staff or not user_of(contact):
        return
    Row.objects.update_or_create(
        contact=contact,
        defaults={
            "said": said,
            "said_at": word.at,
            "state": State.PENDING,
            "due_at": now,
            "tries": 0,
            "detail": "",
        },
    )


def _last(rows: list[Consent]) -> Word | None:
    """Return the last word about all mail in all channels."""
    return ConsentState(tuple(words_of(rows))).newest("", "")


def _state(word: Word) -> str:
    return str(Consent.State.GRANTED if word.granted else Consent.State.WITHDRAWN)


def write_backs_run(*, now: datetime) -> int:
    """Write what is due; return how many rows were looked at. Safe to run twice at once."""
    patience = time.monotonic() + BUDGET_SECONDS
    count = 0
    due = Row.objects.filter(state=State.PENDING, due_at__lte=now).order_by("due_at")
    for row in due.select_related("contact")[:LIMIT]:
        if time.monotonic() > patience:
            break
        mine = Row.objects.filter(
            pk=row.pk, state=State.PENDING, due_at=row.due_at, said_at=row.said_at
        ).update(due_at=now + LEASE, tries=F("tries") + 1)
        if not mine:
            continue
        count += 1
        try:
            _write(row, now)
        except SaleorAPIError as error:
            _again(row, str(error), now)
            # It is Saleor, not this person: the others wait for the next run.
            break
    return count


def _write(row: Row, now: datetime) -> None:
    user_id = user_of(row.contact)
    if not user_id:
        _settle(row, State.NEEDLESS)
        return
    if _mirrors() and not _read(row, user_id, now):
        return
    mutation = "updatePrivateMetadata" if conf().consent_write_back_private else "updateMetadata"
    said = flag_write(write_back_key(), row.said, row.said_at, flag_words())
    data = graphql(
        query=_WRITE % mutation,
        variables={
            "id": user_id,
            "input": [{"key": key, "value": value} for key, value in said.items()],
        },
    )
    answer = data.get(mutation) or {}
    errors = answer.get("errors") or []
    if errors:
        code = str(errors[0].get("code") or "")
        words = f"{code} {errors[0].get('message') or ''}".strip()
        if code == "NOT_FOUND":
            _settle(row, State.FAILED, words)
        else:
            _again(row, words, now)
        return
    Row.objects.filter(pk=row.pk).update(writes=F("writes") + 1)
    if _mirrors():
        # Read again: when it was written is known to Saleor alone, and not in its answer.
        _read(row, user_id, now)
    else:
        _same(row).update(state=State.DONE, detail="")


def _read(row: Row, user_id: str, now: datetime) -> bool:
    """Read the account; return whether the row is still to be written."""
    account = graphql(query=_READ, variables={"id": user_id}).get("user")
    if account is None:
        _settle(row, State.FAILED, "Saleor has no such account any more.")
        return False
    return _still_wanted(row, account, now)


def _still_wanted(row: Row, account: Mapping[str, Any], now: datetime) -> bool:
    """Hear what the account says at this moment; return whether it must be written to still."""
    try:
        metadata, joined = pairs(dict(account)), moment(dict(account), "dateJoined")
        at = moment(dict(account), "updatedAt") or now
    except ContractError as error:
        raise SaleorAPIError("Saleor's answer about an account was not complete.") from error
    with transaction.atomic():
        contact = _lock(row)
        if contact is None:
            return False
        flag = flag_read(metadata, names_of(conf().consent_customer_keys), flag_words())
        if flag is not None:
            account_hear(contact=contact, flag=flag, at=at, latest=now, since=joined or at)
            suppression_lift(contact)
        if flag is not None and flag.ours and (flag.state, flag.at) == (row.said, row.said_at):
            # Written before, and the answer was lost.
            _same(row).update(state=State.DONE, detail="")
            return False
        word = _last(list(Consent.objects.filter(contact=contact)))
        if word is not None and (_state(word), word.at) == (row.said, row.said_at):
            return True
        # Something newer was said: this word is not written any more.
        _same(row).update(state=State.NEEDLESS, detail="")
        write_back_plan(contact=contact, now=now)
        return False


def _lock(row: Row) -> Contact | None:
    # "no_key": inserting a row that points at the contact need not wait for us.
    return Contact.objects.select_for_update(no_key=True).filter(pk=row.contact_id).first()


def _same(row: Row) -> Any:
    """Return the row, unless a newer word took its place."""
    return Row.objects.filter(pk=row.pk, state=State.PENDING, said=row.said, said_at=row.said_at)


def _settle(row: Row, state: str, detail: str = "") -> None:
    _same(row).update(state=state, detail=detail[:255])
    if detail:
        logger.warning("The consent of %s was not written to Saleor: %s", row.contact_id, detail)


def _again(row: Row, words: str, now: datetime) -> None:
    """Try later: after 1, 4, 9 .. 60 minutes."""
    tries = row.tries + 1
    if tries >= MAX_TRIES:
        _settle(row, State.FAILED, words)
        return
    logger.warning("The consent of %s could not be written yet: %s", row.contact_id, words)
    delay = timedelta(minutes=min(tries * tries, 60))
    _same(row).update(due_at=now + delay, detail=words[:255])
