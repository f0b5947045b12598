"""Typed settings, read lazily from ``settings.SALEOR_AUTOMATION``.

Knows defaults and types. Must not be read at import time: call ``conf()`` where
the value is used, so tests and hosts can change it.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed


@dataclass(frozen=True, kw_only=True)
class Conf:
    """The product's settings; every key is optional."""

    #: Address under which shoppers and Saleor reach the Studio, no trailing slash.
    public_url: str = "http://127.0.0.1:8080"
    #: Saleor's GraphQL URL. Only this one may install the app. Empty: nobody may.
    saleor_api_url: str = ""
    #: Where to call that Saleor when it is not reachable under its own URL.
    saleor_call_url: str = ""
    #: Where its Dashboard lives, parted by commas: origins that may show our pages in a frame,
    #: ``https://*.shop.example`` allowed. Empty: see ``saleor_app.origins``.
    dashboard_origins: str = ""
    #: Name of this installation; part of the restored-copy lock.
    environment: str = "production"
    #: True only under ``saleor-automation demo``: the clock is a database row.
    demo: bool = False
    #: Folder for journals and other small state; created when needed.
    state_dir: Path = Path("saleor-automation-data")
    #: Seconds a batch may be worked on before another worker may take it.
    lease_seconds: float = 120.0
    #: Seconds between two pulses.
    pulse_seconds: float = 0.2
    #: Rows one pulse claims at a time (enrollments, raw events).
    claim_batch: int = 200
    #: Messages one send task takes; one ledger commit covers them.
    send_batch: int = 200
    #: django-q2 worker processes.
    workers: int = 2
    #: Seconds without a heartbeat, work waiting, after which the cluster is restarted.
    watchdog_seconds: float = 45.0
    #: Hours after which a fact that arrives is called late and starts nothing.
    entry_window_hours: int = 72
    #: Largest body accepted from a webhook, bytes.
    webhook_max_bytes: int = 10 * 1024 * 1024
    #: Seconds between two fetches of Saleor's public keys after an unknown key id.
    jwks_refetch_seconds: float = 60.0
    #: Calls a second one write key may bring to one web process, ten seconds' worth at once;
    #: 0: any number.
    track_browser_rate: int = 200
    track_server_rate: int = 5000
    #: Days after which a visitor who never became known is forgotten with what they did.
    anonymous_days: int = 90
    #: IANA zone of reports.
    report_zone: str = "UTC"
    #: Languages emails are offered in when the shopper's is unknown.
    default_language: str = "en"
    #: Hours after which a mail nobody heard of again counts as sent.
    ambiguous_hours: int = 24
    #: Hours after it was due at which a step's mail is not sent any more.
    step_mail_expires_hours: int = 72
    #: Seconds after which Saleor is asked again before a mail about a basket or order leaves.
    truth_seconds: float = 30.0
    #: Days after which the body of a received event that was understood is blanked.
    raw_event_days: int = 30
    #: Public metadata keys with which the shop records marketing consent, comma-separated:
    #: on accounts, on baskets and on orders. The first that says something counts. Beside each
    #: ``<key>_at`` dates it and ``<key>_source`` says who wrote it. Empty: not read there.
    consent_customer_keys: str = "paper.marketing_opt_in"
    consent_checkout_keys: str = "paper.marketing_opt_in"
    consent_order_keys: str = "paper.marketing_opt_in"
    #: What such a flag may say, in any case; the first of each is what is written back.
    consent_yes_words: str = "true,1,yes,on,granted"
    consent_no_words: str = "false,0,no,off,withdrawn"
    #: Whether what people say here is written to their account in Saleor.
    consent_write_back: bool = True
    #: The key it is written under; empty: the first of ``consent_customer_keys``.
    consent_write_back_key: str = ""
    #: Write it to private metadata, which storefronts cannot see.
    consent_write_back_private: bool = False
    #: Proxies in front of the Studio that each add to X-Forwarded-For: sign-ups are counted by
    #: the address the outermost of them saw. 0: by the address that connects.
    proxies: int = 0
    #: Address that takes unsubscribing by mail, or "": mails offer none. May hold "{token}",
    #: for example unsubscribe+{token}@shop.example; without it the token is in the subject.
    unsubscribe_mailbox: str = ""
    #: Whether the DNS is asked about the domains of people's addresses. None: yes, except in a
    #: demo and while mail goes to a screen or a file.
    verification_dns: bool | None = None


@lru_cache(maxsize=1)
def conf() -> Conf:
    """Return the settings.

    Raises ImproperlyConfigured for an unknown key, naming the known ones.
    """
    given: dict[str, Any] = {
        key.lower(): value for key, value in getattr(settings, "SALEOR_AUTOMATION", {}).items()
    }
    known = {field.name: field for field in dataclasses.fields(Conf)}
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise ImproperlyConfigured(
            f"SALEOR_AUTOMATION has unknown keys {unknown}. Known keys: {sorted(known)}."
        )
    if "public_url" in given:
        given["public_url"] = str(given["public_url"]).rstrip("/")
    if "state_dir" in given:
        given["state_dir"] = Path(given["state_dir"])
    return Conf(**given)


def _forget(*, setting: str, **kwargs: object) -> None:
    if setting == "SALEOR_AUTOMATION":
        conf.cache_clear()


setting_changed.connect(_forget, dispatch_uid="saleor_automation.conf")
