"""A tiny DNS server on loopback: every way a domain can answer, and not answer.

``Rig`` speaks real DNS over UDP; ``resolver`` is dnspython's, pointed at it. Names
lie below ``rig.shop``, which is never asked about anywhere else. Addresses that count as reachable
are the root servers' own; nothing is ever sent there.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections import Counter
from dataclasses import dataclass

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.resolver
import dns.rrset

from saleor_automation.people.verification.domains import NoName, NoRecord, NoWord
from saleor_automation.people.verification.resolver import Silence

GLOBAL = "198.41.0.4"
GLOBAL_6 = "2001:503:ba3e::2:30"
#: How a name fails instead of answering.
SERVFAIL, REFUSED, SILENT = "servfail", "refused", "silent"

Records = dict[str, list[str]]


@dataclass(frozen=True)
class Family:
    """Domains that answer alike: the records below one, and what should be said of it."""

    name: str
    #: By name, "@" for the domain itself: records by type, or how it fails. A name that is
    #: missing does not exist.
    zone: dict[str, Records | str]
    verdict: str
    reason: str
    #: Whether mail to it would arrive, were it real; None: nobody can know.
    good: bool | None


MX = {"MX": ["10 mx.@"]}
FAMILIES = (
    Family("MX that resolves", {"@": MX, "mx": {"A": [GLOBAL]}}, "deliverable", "dns_ok", True),
    Family(
        "MX with IPv6 alone", {"@": MX, "mx": {"AAAA": [GLOBAL_6]}}, "deliverable", "dns_ok", True
    ),
    Family(
        "first MX dead, second alive",
        {"@": {"MX": ["10 gone.@", "20 mx.@"]}, "mx": {"A": [GLOBAL]}},
        "deliverable",
        "dns_ok",
        True,
    ),
    Family(
        "MX behind a CNAME",
        {"@": MX, "mx": {"CNAME": ["real.@"]}, "real": {"A": [GLOBAL]}},
        "deliverable",
        "dns_ok",
        True,
    ),
    Family(
        "domain behind a CNAME",
        {"@": {"CNAME": ["real.@"]}, "real": {"MX": ["10 mx.@"]}, "mx": {"A": [GLOBAL]}},
        "deliverable",
        "dns_ok",
        True,
    ),
    Family(
        "null MX beside a real one",
        {"@": {"MX": ["0 .", "10 mx.@"]}, "mx": {"A": [GLOBAL]}},
        "deliverable",
        "dns_ok",
        True,
    ),
    Family("no MX, own address", {"@": {"A": [GLOBAL]}}, "risky", "a_fallback", True),
    Family("no MX, own IPv6 address", {"@": {"AAAA": [GLOBAL_6]}}, "risky", "a_fallback", True),
    Family("null MX", {"@": {"MX": ["0 ."], "A": [GLOBAL]}}, "undeliverable", "null_mx", False),
    Family("no MX, no address", {"@": {"TXT": ['"hai"']}}, "undeliverable", "no_mail_host", False),
    Family(
        "no MX, private address", {"@": {"A": ["10.0.0.5"]}}, "undeliverable", "no_mail_host", False
    ),
    Family("no such name", {}, "undeliverable", "nxdomain", False),
    Family("MX that does not exist", {"@": MX}, "undeliverable", "mx_unresolvable", False),
    Family(
        "MX to private addresses",
        {"@": MX, "mx": {"A": ["192.168.1.9"], "AAAA": ["fd00::1"]}},
        "undeliverable",
        "mx_unresolvable",
        False,
    ),
    Family(
        "MX without an address",
        {"@": MX, "mx": {"TXT": ['"hai"']}},
        "undeliverable",
        "mx_unresolvable",
        False,
    ),
    Family("server fails", {"@": SERVFAIL}, "unknown", "dns_temporary", None),
    Family("server refuses", {"@": REFUSED}, "unknown", "dns_temporary", None),
    Family("no answer", {"@": SILENT}, "unknown", "dns_temporary", None),
    Family("MX found, its host fails", {"@": MX, "mx": SERVFAIL}, "unknown", "dns_temporary", None),
    Family(
        "no MX, address fails",
        {"@": {"A": [SERVFAIL], "AAAA": [SERVFAIL]}},
        "unknown",
        "dns_temporary",
        None,
    ),
    Family(
        "one MX dead, the other fails",
        {"@": {"MX": ["10 gone.@", "20 mx.@"]}, "mx": SERVFAIL},
        "unknown",
        "dns_temporary",
        None,
    ),
)


class Rig:
    """Answers for as long as it is open. ``asked`` counts questions by type."""

    def __init__(self) -> None:
        self.names: dict[str, Records | str] = {"gmail.com.": {"MX": ["5 mx.gmail.com."]}}
        self.asked: Counter[str] = Counter()
        #: Says nothing to anybody.
        self.down = False
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def add(self, domain: str, zone: dict[str, Records | str]) -> str:
        """Make a domain answer as ``zone`` says; returns it."""
        for name, records in zone.items():
            owner = f"{domain}." if name == "@" else f"{name}.{domain}."
            self.names[owner] = (
                records
                if isinstance(records, str)
                else {
                    kind: [value.replace("@", f"{domain}.") for value in values]
                    for kind, values in records.items()
                }
            )
        return domain

    def resolver(self) -> dns.resolver.Resolver:
        made = dns.resolver.Resolver(configure=False)
        made.nameservers = ["127.0.0.1"]
        made.port = self._socket.getsockname()[1]
        made.timeout = 0.2
        return made

    def close(self) -> None:
        # An empty packet wakes the thread.
        with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as last:
            last.sendto(b"", self._socket.getsockname())
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while True:
            packet, sender = self._socket.recvfrom(4096)
            if not packet:
                return
            answer = self._answer(dns.message.from_wire(packet))
            if answer is not None:
                self._socket.sendto(answer.to_wire(), sender)

    def _answer(self, query: dns.message.Message) -> dns.message.Message | None:
        question = query.question[0]
        kind = dns.rdatatype.to_text(question.rdtype)
        self.asked[kind] += 1
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        owner = question.name
        records = self.names.get(owner.to_text().lower())
        while isinstance(records, dict) and "CNAME" in records:
            answer.answer.append(dns.rrset.from_text(owner, 60, "IN", "CNAME", *records["CNAME"]))
            owner = dns.name.from_text(records["CNAME"][0])
            records = self.names.get(owner.to_text().lower())
        if isinstance(records, dict) and SERVFAIL in records.get(kind, []):
            records = SERVFAIL
        if self.down or records == SILENT:
            return None
        if records is None:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        elif isinstance(records, str):
            answer.set_rcode(dns.rcode.SERVFAIL if records == SERVFAIL else dns.rcode.REFUSED)
        elif kind in records:
            answer.answer.append(dns.rrset.from_text(owner, 60, "IN", kind, *records[kind]))
        return answer


class FakeDns:
    """Answers in the process, and counts. Domains are fine unless ``moods`` says otherwise."""

    def __init__(self) -> None:
        #: By domain or host: "nxdomain", SERVFAIL or SILENT.
        self.moods: dict[str, str] = {}
        #: Mood of everything: as of a server that is down, or knows its own network alone.
        self.mood = ""
        self.asked: Counter[tuple[str, str]] = Counter()

    @property
    def total(self) -> int:
        return sum(self.asked.values())

    def __call__(self, name: str, kind: str, seconds: float) -> list[str]:
        self.asked[name, kind] += 1
        mood = self.moods.get(name, self.mood)
        if mood == "nxdomain":
            raise NoName(name)
        if mood == SILENT:
            raise Silence("no answer in time")
        if mood:
            raise NoWord(mood)
        if kind == "MX":
            return [f"10 mx.{name}."]
        if kind == "A":
            return [GLOBAL]
        raise NoRecord(name)
