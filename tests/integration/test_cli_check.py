"""``check``: what it finds, how bad it is, and its advice."""

from __future__ import annotations

import io
from uuid import uuid4

import pytest
from django.urls import resolve
from rich.console import Console

from saleor_automation import clock
from saleor_automation.delivery.models import Message, SendingControl
from saleor_automation.delivery.services import sending_bind
from saleor_automation.demo.sink import Sink
from saleor_automation.emails.models import Brand
from saleor_automation.people.models import ConsentWriteBack, Contact
from saleor_automation.project import check
from saleor_automation.project.check import OK, PROBLEM, WARN
from saleor_automation.project.web import free_port
from saleor_automation.sequences.models import SequenceSwitch

RECORDS = {
    ("shop.example", "MX"): ["10 mail.shop.example."],
    ("shop.example", "TXT"): ["google-site-verification=x", "v=spf1 include:esp.example ~all"],
    ("_dmarc.shop.example", "TXT"): ["v=DMARC1; p=none"],
}


def resolver(records=RECORDS):
    def resolve(name: str, kind: str) -> list[str]:
        try:
            return records[name, kind]
        except KeyError:
            raise LookupError(name) from None

    return resolve


def no_answer(name: str, kind: str) -> list[str]:
    raise TimeoutError


def levels(findings) -> dict[str, str]:
    return {finding.about: finding.level for finding in findings}


def open_sending() -> None:
    SendingControl.objects.update_or_create(
        pk=1, defaults={"consent_policy": SendingControl.Policy.OPT_IN}
    )
    sending_bind(now=clock.now())


@pytest.fixture
def brand(db):
    return Brand.objects.create(
        name="Shop",
        from_email="hello@Shop.example",
        postal_address="1 Main Street",
        website_url="https://shop.example",
        basket_url="https://shop.example/checkout/{checkout_id}",
    )


def test_a_domain_with_all_records_is_fine():
    assert set(levels(check.domain_look("shop.example", resolver())).values()) == {OK}


def test_missing_spf_and_dmarc_are_problems_with_advice():
    only_mx = {("shop.example", "MX"): ["10 mail.shop.example."]}
    findings = list(check.domain_look("shop.example", resolver(only_mx)))
    assert levels(findings) == {
        "shop.example MX": OK,
        "shop.example SPF": PROBLEM,
        "shop.example DMARC": PROBLEM,
    }
    assert "v=spf1" in findings[1].advice
    assert "_dmarc.shop.example" in findings[2].advice


def test_another_txt_record_is_not_spf():
    records = {**RECORDS, ("shop.example", "TXT"): ["google-site-verification=x"]}
    found = levels(check.domain_look("shop.example", resolver(records)))
    assert found["shop.example SPF"] == PROBLEM


def test_a_name_server_that_does_not_answer_says_nothing_about_the_domain():
    findings = list(check.domain_look("shop.example", no_answer))
    assert {finding.level for finding in findings} == {WARN}
    assert all("could not be checked" in finding.text.lower() for finding in findings)


def test_the_senders_domain_comes_from_the_brand(brand):
    found = levels(check.dns_look(ready=True, resolver=resolver()))
    assert found == {f"shop.example {name}": OK for name in ("MX", "SPF", "DMARC")}


def test_a_mail_server_that_listens_is_reachable(settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    sink = Sink()
    sink.start()
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", sink.port
    assert levels(check.mail_look(ready=False)) == {"mail server": OK}
    sink.stop()
    assert sink.mails == []


def test_a_mail_server_that_does_not_listen_is_a_problem(settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", free_port()
    (finding,) = check.mail_look(ready=False)
    assert finding.level == PROBLEM
    assert "EMAIL_URL" in finding.advice


@pytest.mark.parametrize(("kind", "scheme"), [("console", "console://"), ("filebased", "file://")])
def test_mail_that_reaches_nobody_is_a_problem_once_sending_is_open(brand, settings, kind, scheme):
    settings.EMAIL_BACKEND = f"django.core.mail.backends.{kind}.EmailBackend"
    (closed,) = check.mail_look(ready=True)
    assert closed.level == WARN
    assert f"{scheme}: no mail reaches anybody" in closed.text
    open_sending()
    (opened,) = check.mail_look(ready=True)
    assert opened.level == PROBLEM
    assert "EMAIL_URL" in opened.advice


def test_no_sequence_on_is_said_with_where_to_turn_one_on(db):
    switch = SequenceSwitch.objects.create(sequence=uuid4(), name="Welcome", changed_at=clock.now())
    (off,) = check.sequences_look(ready=True)
    assert (off.level, off.text) == (WARN, "No sequence is on.")
    assert "https://studio.example/studio/automation/sequences/" in off.advice
    SequenceSwitch.objects.filter(pk=switch.pk).update(state=SequenceSwitch.State.ON)
    (on,) = check.sequences_look(ready=True)
    assert on.level == OK
    assert "Welcome" in on.text


@pytest.mark.django_db
def test_what_to_do_in_the_studio_names_a_page_that_exists():
    advice = [
        f.advice for f in [*check.sending_look(ready=True), *check.sequences_look(ready=True)]
    ]
    pages = {text.rpartition("https://studio.example")[2] for text in advice}
    assert len(pages) == 3
    # An address Wagtail does not know resolves too, to its page for "not found".
    assert {resolve(page).url_name for page in pages} <= {"index", "list"}


def test_sending_stays_blocked_until_somebody_chose(brand):
    assert {finding.level for finding in check.sending_look(ready=True)} == {PROBLEM}
    open_sending()
    assert levels(check.sending_look(ready=True)) == {"sending": OK}


def test_a_restored_copy_is_a_problem(brand):
    open_sending()
    SendingControl.objects.update(bound_host="studio.other.example")
    (finding,) = check.sending_look(ready=True)
    assert finding.level == PROBLEM
    assert "copy" in finding.text
    assert finding.advice


def test_the_table_shows_everything_and_the_code_says_whether_to_worry(brand, settings):
    output = io.StringIO()
    console = Console(file=output, width=200)
    assert check.run(console=console, resolver=resolver()) == 1
    shown = output.getvalue()
    for word in ("database", "migrations", "queue", "worker", "mail server", "SPF", "consent"):
        assert word in shown
    open_sending()
    settings.EMAIL_BACKEND = "anymail.backends.test.EmailBackend"
    assert check.run(console=console, resolver=resolver()) == 0


@pytest.mark.django_db
def test_what_waits_for_saleor_is_said():
    assert list(check.waiting_look(ready=True)) == []
    now = clock.now()
    Message.objects.create(
        id=uuid4(),
        key="k",
        source="step",
        purpose="marketing",
        email_key=uuid4(),
        planned_at=now,
        due_at=now,
        reason="saleor_unreachable",
        detail="Saleor cannot be reached.",
    )
    contact = Contact.objects.create(created_at=now)
    ConsentWriteBack.objects.create(
        contact=contact, said="withdrawn", said_at=now, due_at=now, state="failed", detail="Gone."
    )
    held, consent = check.waiting_look(ready=True)
    assert (held.about, held.level) == ("held mails", WARN)
    assert "Saleor cannot be reached." in held.text
    assert (consent.about, consent.level) == ("consent", WARN)
    assert "Gone." in consent.text
    assert list(check.waiting_look(ready=False)) == []
