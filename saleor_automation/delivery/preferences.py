"""The page on which a person chooses: topics, a pause, fewer mails, tracking, language.

| request | answer |
|---|---|
| GET, HEAD of a link | 200, what stands; nothing changes (scanners follow links) |
| POST of its form | 200, what stands now, what changed, and a way back |
| POST of values it does not know | 200; those values are left out |
| a link whose signature or form is wrong, one of another page included | 404 |
| a person that is gone | 410 |
| any other method | 405 |

The link is the proof, so nobody logs in. It came by mail: a "yes" given through it shows that
the mailbox is the person's, unless their address is another by now.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils import translation
from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_aware, localtime
from django.utils.translation import get_language, get_language_info
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from saleor_automation import clock
from saleor_automation.people.consent import DOUBLE_OPT_IN
from saleor_automation.people.models import Contact
from saleor_automation.people.preferences.models import Preference
from saleor_automation.people.preferences.services import (
    LONGEST_PAUSE,
    Change,
    Wishes,
    wishes_of,
    wishes_save,
)
from saleor_automation.people.preferences.topics import TopicWords, topics_offered
from saleor_automation.rendering.phrases import date_long

from .links import preferences_read
from .models import Message, SendingControl
from .pages import address_masked, link_owner, public_page
from .wishes import mails_hasten

#: Days a pause may last.
PAUSES: Final = (30, 90)
OPT_IN: Final = "opt_in"


# The token in the link is the proof: there is no session a foreign page could abuse.
@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def preferences(request: HttpRequest, token: str) -> HttpResponse:
    """Show what a person gets on GET, save what they chose on POST."""
    link = preferences_read(token)
    if link is None:
        return public_page(request, "preferences", {"step": "broken"}, status=404)
    message, contact = link_owner(link)
    if contact is None:
        return public_page(request, "preferences", {"step": "gone"}, status=410)
    now, channel = clock.now(), message.channel if message is not None else ""
    silence = _silence_is_yes()
    with translation.override(contact.language or None):
        topics = topics_offered(contact.language)
        before = wishes_of(contact, topics, silence_is_yes=silence, now=now)
        changes: list[str] = []
        undo: list[tuple[str, str]] = []
        if request.method == "POST":
            saved = wishes_save(
                contact=contact,
                asked=wishes_read(request.POST, before, topics, now=now),
                topics=topics,
                silence_is_yes=silence,
                now=now,
                basis=basis_of(message, contact),
            )
            changes, undo = (
                change_words(saved.changes, saved.after),
                fields_of(saved.before, topics),
            )
            before = saved.after
            mails_hasten(contact=contact, now=now)
            contact.refresh_from_db()
    # In the language they may just have chosen.
    with translation.override(contact.language or None):
        if request.method == "POST" and Change.LANGUAGE in {one for one, _name in saved.changes}:
            topics = topics_offered(contact.language)
            changes = change_words(saved.changes, saved.after)
        return public_page(
            request,
            "preferences",
            {
                "step": "form",
                "saved": request.method == "POST",
                "address": address_masked(contact.email),
                "wishes": before,
                "topics": [(topic, topic.key in before.topics) for topic in topics],
                "languages": languages_of(before.language),
                "paused_until": day_words(before.paused_until) if before.paused_until else "",
                "changes": changes,
                "undo": undo if changes else [],
            },
            channel=channel,
        )


def _silence_is_yes() -> bool:
    policy = SendingControl.objects.values_list("consent_policy", flat=True).first()
    return policy == SendingControl.Policy.SOFT_OPT_IN


def basis_of(message: Message | None, contact: Contact) -> str:
    """Return the basis of a "yes" said through a link: did it come to the address they have?"""
    sent_to = message.to_address if message is not None else ""
    return DOUBLE_OPT_IN if sent_to and sent_to.lower() == contact.email.lower() else OPT_IN


def wishes_read(
    data: QueryDict, before: Wishes, topics: Sequence[TopicWords], *, now: datetime
) -> Wishes:
    """Return what a form asks for; what it does not say, or what makes no sense, stays.

    A topic counts only when the form had it: one the shop added meanwhile stays as it was.
    """
    nothing, on, everything = before.nothing, set(before.topics), False
    known = {topic.key for topic in topics}
    if "shown" in data:
        shown = known & set(data.getlist("shown"))
        on = (on - shown) | (shown & set(data.getlist("topic")))
        nothing = nothing and not on
    match data.get("everything"):
        case "off":
            nothing, on = True, set()
        case "on":
            nothing, on, everything = False, known - before.refused or known, True
    tracking = data.get("tracking", before.tracking)
    language = data.get("language", "")
    return Wishes(
        nothing=nothing,
        topics=frozenset(on),
        everything=everything,
        paused_until=_pause(data.get("pause", ""), before.paused_until, now),
        fewer=data["often"] == "fewer" if "often" in data else before.fewer,
        tracking=tracking if tracking in Preference.Tracking.values else before.tracking,
        language=language if language in dict(settings.LANGUAGES) else before.language,
    )


def _pause(value: str, before: datetime | None, now: datetime) -> datetime | None:
    if value == "none":
        return None
    if value.isdigit() and value in map(str, PAUSES):
        return now + timedelta(days=int(value))
    try:
        until = parse_datetime(value)
    except ValueError:
        return before
    if until is not None and is_aware(until) and now < until <= now + LONGEST_PAUSE:
        return until
    return before


def fields_of(wishes: Wishes, topics: Sequence[TopicWords]) -> list[tuple[str, str]]:
    """Return the form that brings wishes back, as names and values."""
    fields = [("shown", topic.key) for topic in topics]
    fields += [("topic", key) for key in sorted(wishes.topics)]
    if wishes.nothing or not topics:
        fields.append(("everything", "off" if wishes.nothing else "on"))
    fields.append(("pause", wishes.paused_until.isoformat() if wishes.paused_until else "none"))
    fields.append(("often", "fewer" if wishes.fewer else "all"))
    fields.append(("tracking", wishes.tracking))
    fields.append(("language", wishes.language))
    return fields


def day_words(moment: datetime) -> str:
    """Return a moment's day as people write it."""
    return date_long(localtime(moment), get_language() or "")


@dataclass(frozen=True)
class LanguageChoice:
    code: str
    name: str
    chosen: bool


def languages_of(current: str) -> list[LanguageChoice]:
    """Return the languages to choose from, each by its own name."""
    base = current.split("-")[0]
    codes = [code for code, _name in settings.LANGUAGES]
    chosen = current if current in codes else base if base in codes else ""
    choices = [
        # "en-my" stays what it is while nobody chooses another.
        LanguageChoice(current if code == chosen else code, language_name(code), code == chosen)
        for code in codes
    ]
    return choices if chosen else [LanguageChoice(current, "–", True), *choices]


def language_name(code: str) -> str:
    """Return a language by its own name; its code when Django does not know it."""
    try:
        name = str(get_language_info(code)["name_local"])
        return name[:1].upper() + name[1:]
    except KeyError:
        return code


def change_words(changes: Sequence[tuple[Change, str]], after: Wishes) -> list[str]:
    """Return what changed, in words."""
    until = day_words(after.paused_until) if after.paused_until else ""
    words = {
        Change.NOTHING: _("You get no offers, reminders or news any more."),
        Change.EVERYTHING: _("You get our mails again."),
        Change.TOPIC_ON: _("You get mails about: %s."),
        Change.TOPIC_OFF: _("You get no mails about: %s."),
        Change.PAUSED: _("No offers, reminders or news until %s.") % until,
        Change.RESUMED: _("The pause is over."),
        Change.FEWER: _("You get at most one such mail a week."),
        Change.AS_BEFORE: _("You get every mail again that we send you."),
        Change.TRACKING_YES: _("We may see whether you open our mails."),
        Change.TRACKING_NO: _("We do not look whether you open our mails."),
        Change.LANGUAGE: _("We write to you in this language."),
    }
    return [words[change] % name if name else words[change] for change, name in changes]
