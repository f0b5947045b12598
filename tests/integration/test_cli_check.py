"""``check``: what it finds, how bad it is, and its advice."""

from __future__ import annotations

import io
from datetime import timedelta
from uuid import uuid4

import pytest
from django.urls import resolve
from rich.console import Console

from saleor_automation import clock
from saleor_automation.contract.plugin_report import OtherSender, PluginReport
from saleor_automation.delivery.models import Message, SendingControl
from saleor_automation.delivery.services import sending_bind
from saleor_automation.demo.sink import Sink
from saleor_automation.emails.models import Brand, EmailVersion
from saleor_automation.emails.system import CONFIRMATION
from saleor_automation.people.models import ConsentWriteBack, Contact
from saleor_automation.people.subscribing.models import OptInRule
from saleor_automation.project import check
from saleor_automation.project.check import OK, PROBLEM, WARN
from saleor_automation.project.check_consent import confirming_look
from saleor_automation.project.web import free_port
from saleor_automation.saleor_app.installations import installation_forget
from saleor_automation.saleor_app.models import Installation
from saleor_automation.saleor_app.plugin_reports import plugin_report_keep
from saleor_automation.saleor_app.register import installation_register
from saleor_automation.sequences.models import SequenceSwitch
from tests.appsaleor import AppSaleor

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


@pytest.fixture(scope="module")
def shared_saleor():
    saleor = AppSaleor()
    yield saleor
    saleor.close()


@pytest.fixture
def saleor(db, shared_saleor, settings):
    """A Saleor in which the app is installed."""
    shared_saleor.reset()
    settings.SALEOR_AUTOMATION = {
        **settings.SALEOR_AUTOMATION,
        "saleor_api_url": shared_saleor.url,
    }
    installation_forget()
    installation_register(api_url=shared_saleor.url, token="good-token")
    shared_saleor.install_webhooks()
    yield shared_saleor
    installation_forget()


def saleor_levels():
    return levels(check.saleor_look(ready=True))


def test_a_sound_app_is_asked_about_and_nothing_is_written(saleor):
    before = Installation.objects.values().get()
    assert saleor_levels() == {"Saleor": OK, "permissions": OK, "webhooks": OK}
    assert Installation.objects.values().get() == before
    assert saleor.requests == []


def test_missing_permissions_are_a_problem_only_staff_can_mend(saleor):
    saleor.permissions.remove("MANAGE_CHECKOUTS")
    found = {finding.about: finding for finding in check.saleor_look(ready=True)}
    assert found["permissions"].level == PROBLEM
    assert "MANAGE_CHECKOUTS" in found["permissions"].text
    assert "Dashboard" in found["permissions"].advice


def test_webhooks_of_an_earlier_release_are_named_with_the_command(saleor):
    saleor.webhook("ORDER_PAID")["query"] = "subscription { event { issuedAt } }"
    found = {finding.about: finding for finding in check.saleor_look(ready=True)}
    assert found["webhooks"].level == WARN
    assert "manage saleor_app" in found["webhooks"].advice
    assert saleor.requests == []


def test_webhooks_switched_off_are_named_unless_the_plugin_captures(saleor):
    for webhook in saleor.webhooks:
        webhook["isActive"] = False
    assert saleor_levels()["webhooks"] == WARN
    report_keep(capture=True)
    assert saleor_levels()["webhooks"] == OK


def test_an_app_saleor_does_not_know_is_a_problem(saleor):
    saleor.is_on = False
    [finding] = check.saleor_look(ready=True)
    assert finding.level == PROBLEM
    assert "does not know the app any more" in finding.text
    assert "/saleor/manifest" in finding.advice
    assert Installation.objects.get().is_active, "looking changes nothing"


def test_an_app_that_was_removed_is_a_problem(saleor):
    Installation.objects.update(token="", is_active=False, inactive_reason="removed")
    [finding] = check.saleor_look(ready=True)
    assert (finding.level, finding.text) == (PROBLEM, "The app was removed from Saleor.")
    assert "Install it again" in finding.advice


def test_a_saleor_that_does_not_answer_is_a_problem(saleor, settings):
    settings.SALEOR_AUTOMATION = {
        **settings.SALEOR_AUTOMATION,
        "saleor_call_url": f"http://127.0.0.1:{free_port()}/graphql/",
    }
    [finding] = check.saleor_look(ready=True)
    assert finding.level == PROBLEM
    assert "cannot be reached" in finding.text


def report_keep(*senders, **changes):
    said = PluginReport(
        **{
            "issued_at": clock.wall(),
            "recipient_id": "QXBwOjE=",
            "version": "0.1.0",
            "saleor_version": "3.23.28",
            "capture": True,
            "webhooks_active": True,
            "other_senders": senders,
            **changes,
        }
    )
    plugin_report_keep(installation=Installation.objects.get(), report=said)


def service_sequence():
    from tests.studio.helpers import waiting_sequence

    sequence = waiting_sequence(purpose="transactional", trigger="ordered")
    SequenceSwitch.objects.filter(sequence=sequence.key).update(state="on")
    return sequence


def test_a_running_service_sequence_others_send_too_is_a_problem(saleor):
    service_sequence()
    report_keep(OtherSender("plugin", "user_email", "User emails", ("order_confirmation",)))
    [finding] = check.others_look(ready=True)
    assert (finding.about, finding.level) == ("other senders", PROBLEM)
    assert "“Patience” is held: User emails sends the same mail" in finding.text
    assert "decide" in finding.advice


def test_without_the_plugin_a_running_service_sequence_says_where_to_look(saleor):
    service_sequence()
    [finding] = check.others_look(ready=True)
    assert finding.level == WARN
    assert "Patience" in finding.text
    assert "Extensions, Installed" in finding.advice


def test_marketing_alone_says_nothing_of_others(saleor):
    assert list(check.others_look(ready=True)) == []


def test_trouble_of_the_plugin_is_told(saleor):
    report_keep(issued_at=clock.wall() - timedelta(hours=5))
    [finding] = check.others_look(ready=True)
    assert "reported for the last time" in finding.text


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


@pytest.mark.django_db
def test_an_email_that_cannot_ask_is_a_problem_where_people_must_confirm():
    assert list(confirming_look(ready=True)) == []
    OptInRule.objects.create(channel="my", double=True)
    (finding,) = confirming_look(ready=True)
    assert finding.level == PROBLEM
    assert "not published" in finding.text
    assert "/studio/automation/consent/" in finding.advice
    EmailVersion.objects.create(
        email_key=CONFIRMATION,
        language="en",
        number=1,
        digest="x",
        status=EmailVersion.Status.READY,
        is_current=True,
        variables=["subscription.confirm_url"],
        created_at=clock.now(),
    )
    (finding,) = confirming_look(ready=True)
    assert finding.level == OK
    assert list(confirming_look(ready=False)) == []
