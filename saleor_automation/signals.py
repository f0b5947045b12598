"""Public signals: how an earlier stage tells a later one, in the same transaction.

A stage imports the stages before it and never those after it. Receivers of the
product are connected in ``apps.py``, in the order of the data's way; Django calls
them in that order. An exception in a receiver rolls the transaction back, so a
third party's receiver should catch its own.
"""

from __future__ import annotations

from django.dispatch import Signal

#: One received body was understood. Sent by ``inbox`` inside the transaction that
#: records the Events.
#: Arguments: ``raw`` (RawEvent), ``snapshot`` (a ``contract.payloads`` value or
#: None when the object was null; of the track API ``inbox.track.storing.Tracked``, the
#: fresh calls of ``raw`` and of bodies understood with it), ``events`` (list of Event,
#: those recorded by this body only, not repeats), ``now`` (datetime). A receiver that
#: finds an erased person in it sets ``raw.body`` to ``b""``, and the body is not kept.
facts_recorded = Signal()

#: Two contacts turned out to be one person. Sent by ``people``.
#: Arguments: ``winner`` and ``loser`` (Contact), ``now``. After it the loser's row
#: is deleted, so receivers must move what points at it.
contact_merged = Signal()

#: An address went from one account to another, and what guests did under it went along.
#: Sent by ``people`` once the rows and both contacts are up to date.
#: Arguments: ``from_contact`` and ``to_contact`` (Contact), ``checkout_ids`` and
#: ``order_ids`` (sets of Saleor's ids), ``now``. Receivers move what these baskets and
#: orders started.
objects_moved = Signal()

#: A person is about to be erased. Sent by ``people`` before the rows go.
#: Arguments: ``contact`` (Contact), ``now``. Receivers delete or redact.
contact_erased = Signal()

#: Somebody is to be asked whether they want mail. Sent by ``people``.
#: Arguments: ``requests`` (list of SubscriptionRequest, saved, with their contacts),
#: ``now``. Receivers must be idempotent on the request's id.
confirmation_wanted = Signal()

#: People joined or left segments. Sent by ``people`` inside the transaction in which they did.
#: Arguments: ``events`` (list of Event, kinds ``segment_joined`` and ``segment_left``),
#: ``now``. Nothing is told of the first filling of a new or changed segment; what follows
#: from a merge or a history import has ``backfill`` set, and starts nothing.
memberships_changed = Signal()

#: Steps want mails sent. Sent by ``sequences`` inside the transaction that moves
#: the enrollments. Arguments: ``requests`` (list of ``sequences.mailing.MailWanted``),
#: ``now``. Receivers must be idempotent on ``MailWanted.key``.
mail_wanted = Signal()
