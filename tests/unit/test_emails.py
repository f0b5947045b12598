"""Versions, contexts and mails: from rows to what one person gets."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from saleor_automation.emails import mail as mail_module
from saleor_automation.emails.brands import basket_address, brand_for, brand_values, brands_load
from saleor_automation.emails.mail import MailSubject, contexts_build, mail_render
from saleor_automation.emails.models import Brand, EmailVersion
from saleor_automation.emails.samples import sample_context, sample_contexts
from saleor_automation.emails.services import (
    email_version_create,
    email_version_retire,
    email_versions_current,
    version_choose,
)
from saleor_automation.emails.variables import (
    Variable,
    variables_all,
    variables_known,
    variables_missing,
    variables_register,
)
from saleor_automation.people.models import Contact
from saleor_automation.rendering.compiler import compile_email
from saleor_automation.rendering.document import (
    Button,
    CompiledEmail,
    Document,
    Heading,
    Items,
    Style,
    Text,
)
from saleor_automation.shop.models import Checkout, Fulfillment, OrderLine, ShopOrder

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
KEY = uuid.UUID("11111111-2222-3333-4444-555555555555")


def compiled(text: str = "Hello", **changes: Any) -> CompiledEmail:
    document = Document(**{"subject": text, "blocks": (Heading(text),), **changes})
    return compile_email(
        document, Style(), known=variables_known(), samples=sample_contexts(document.language)
    )


def publish(email: CompiledEmail, language: str = "en") -> EmailVersion:
    return email_version_create(
        email_key=KEY, language=language, title="T", compiled=email, page_id=7, now=NOW
    )


def current() -> list[tuple[str, int]]:
    rows = EmailVersion.objects.filter(is_current=True).order_by("language")
    return [(row.language, row.number) for row in rows]


def test_a_version_holds_all_a_mail_needs() -> None:
    email = compiled("Hi {{ contact.first_name }}", preheader="Pre")
    version = publish(email)
    version.refresh_from_db()
    assert version.status == EmailVersion.Status.READY
    assert (version.subject, version.preheader) == ("Hi {{ contact.first_name }}", "Pre")
    assert (version.html, version.text) == (email.html, email.text)
    assert "contact.first_name" in version.variables
    assert (version.page_id, version.is_current, version.number) == (7, True, 1)


def test_the_same_content_is_the_same_version() -> None:
    first = publish(compiled("A"))
    assert publish(compiled("A")).pk == first.pk
    second = publish(compiled("B"))
    assert (second.number, current()) == (2, [("en", 2)])
    again = publish(compiled("A"))
    assert (again.pk, current()) == (first.pk, [("en", 1)])
    assert EmailVersion.objects.count() == 2


def test_a_broken_one_is_kept_with_its_faults_and_the_good_one_stays() -> None:
    publish(compiled("Good"))
    broken = publish(compiled("{{ nobody }}"))
    broken.refresh_from_db()
    assert broken.status == EmailVersion.Status.FAILED
    assert not broken.is_current
    assert "variable-unknown" in {found["code"] for found in broken.diagnostics}
    assert current() == [("en", 1)]
    publish(compiled("{{ nobody }}"))
    assert EmailVersion.objects.count() == 2


def test_languages_are_apart_and_one_can_be_taken_down() -> None:
    publish(compiled("A"), "en")
    publish(compiled("A", language="ms"), "MS")
    assert current() == [("en", 1), ("ms", 1)]
    email_version_retire(email_key=KEY, language="ms")
    assert current() == [("en", 1)]
    assert publish(compiled("A", language="ms"), "ms").is_current


@pytest.mark.parametrize(
    ("published", "wanted", "chosen"),
    [
        (["en", "ms"], "ms", "ms"),
        (["en", "ms"], "MS_my", "ms"),
        (["en", "pt-br"], "pt-BR", "pt-br"),
        (["en", "pt-br"], "pt", "pt-br"),
        (["en", "ms"], "de", "en"),
        (["fr", "ms"], "de", "fr"),
        (["en"], "", "en"),
        ([], "en", None),
    ],
)
def test_the_customers_language_is_chosen(
    published: list[str], wanted: str, chosen: str | None
) -> None:
    for language in published:
        publish(compiled("A", language=language), language)
    other = uuid.uuid4()
    versions = email_versions_current([KEY, other])
    version = version_choose(versions, KEY, wanted)
    assert (version.language if version else None) == chosen
    assert version_choose(versions, other, wanted) is None


# Contexts


@pytest.fixture
def brand() -> Brand:
    return Brand.objects.create(
        name="Kedai {{ x }} & Co",
        website_url="https://shop.example/",
        postal_address="12 Jalan\r\n50400 KL ",
        basket_url="https://shop.example/c?id={checkout_id}&t={checkout_token}&l={language}",
        color_primary="#ffee00",
    )


def contact(number: int = 1, **changes: Any) -> Contact:
    values = {"email": f"c{number}@example.com", "first_name": " Aisyah ", "created_at": NOW}
    return Contact.objects.create(**{**values, **changes})


def checkout(number: int = 1, **changes: Any) -> Checkout:
    line = {
        "id": "L",
        "variant_id": "V1",
        "product_name": "Notebook",
        "variant_name": "Green",
        "quantity": 2,
        "unit_gross": "29.9000",
        "total_gross": "59.8000",
        "image_url": "https://shop.example/a.jpg",
    }
    values = {
        "saleor_id": f"C{number}=",
        "token": "tok en",
        "currency": "MYR",
        "total_gross": Decimal("59.8"),
        "quantity": 2,
        "lines": [line, {**line, "variant_name": "Notebook", "image_url": "javascript:x"}],
    }
    return Checkout.objects.create(**{**values, **changes})


def order(number: int = 1) -> ShopOrder:
    row = ShopOrder.objects.create(
        saleor_id=f"O{number}",
        number=str(number),
        currency="MYR",
        total_gross=Decimal("1234.5"),
        placed_at=NOW,
    )
    OrderLine.objects.create(
        saleor_id=f"OL{number}",
        order=row,
        product_name="Pen",
        quantity=3,
        unit_gross=Decimal("2"),
        total_gross=Decimal("6"),
    )
    for parcel, tracking in (("F1", "FIRST"), ("F2", "SECOND"), ("F3", "")):
        Fulfillment.objects.create(
            saleor_id=f"{parcel}-{number}", order=row, tracking_number=tracking
        )
    return row


def one(**changes: Any) -> dict[str, Any]:
    person = changes.pop("contact", None) or contact()
    return contexts_build([MailSubject(**{"contact": person, **changes})], now=NOW)[0]


def test_contact_shop_and_links(brand: Brand) -> None:
    context = one(links={"unsubscribe": "https://studio.example/u"}, language="ms")
    assert context["contact"]["first_name"] == "Aisyah"
    assert context["shop"]["name"] == "Kedai {{ x }} & Co"
    assert context["shop"]["url"] == "https://shop.example"
    assert context["shop"]["postal_address"] == "12 Jalan\n50400 KL"
    assert context["shop"]["color_on_primary"] == "#000000"
    assert context["links"] == {
        "unsubscribe": "https://studio.example/u",
        "preferences": "",
        "view": "",
    }
    assert context["language"] == "ms"
    assert not {"basket", "order"} & set(context)


def test_basket(brand: Brand) -> None:
    context = one(
        context={"checkout": checkout().saleor_id},
        language="ms",
        links={"basket": "https://studio.example/m/token/basket/"},
        voucher="SELAMAT10",
    )
    basket = context["basket"]
    # Whoever holds a checkout's id or token can change it: neither is ever in a mail.
    assert not {"C1=", "C1%3D", "tok en", "tok%20en"} & set(str(context).split("'"))
    assert basket["url"] == "https://studio.example/m/token/basket/"
    assert basket["voucher_code"] == "SELAMAT10"
    assert (basket["total"], basket["total_amount"]) == ("RM\u00a059.80", "59.80")
    first, second = basket["lines"]
    assert first == {
        "name": "Notebook",
        "variant": "Green",
        "quantity": 2,
        "left": "",
        "price": "RM\u00a059.80",
        "price_amount": "59.80",
        "unit_price": "RM\u00a029.90",
        "unit_price_amount": "29.90",
        "image_url": "https://shop.example/a.jpg",
    }
    assert (second["variant"], second["image_url"]) == ("", "")


def test_what_cannot_be_bought_is_named_and_not_counted(brand: Brand) -> None:
    line = {"id": "L", "quantity": 2, "unit_gross": "10", "total_gross": "20"}
    row = checkout(
        total_gross=Decimal("65.5"),
        quantity=6,
        lines=[
            {**line, "product_name": "Notebook", "available": None},
            {**line, "product_name": "Pen", "available": 1},
            {**line, "product_name": "Ink", "available": 0},
            {**line, "product_name": "Cap", "available": 0},
        ],
    )
    basket = one(context={"checkout": row.saleor_id})["basket"]
    assert [(item["name"], item["left"]) for item in basket["lines"]] == [
        ("Notebook", ""),
        ("Pen", "1"),
    ]
    assert (basket["sold_out"], basket["quantity"]) == ("Ink, Cap", 4)
    assert basket["total_amount"] == "25.50"
    Checkout.objects.update(total_gross=Decimal("3"))
    assert one(contact=contact(2), context={"checkout": "C1="})["basket"]["total_amount"] == "0"


def test_without_a_link_of_its_own_the_basket_leads_to_the_shop(brand: Brand) -> None:
    context = one(context={"checkout": checkout().saleor_id})
    assert context["basket"]["url"] == "https://shop.example"
    assert "basket" not in context["links"]


@pytest.mark.parametrize(
    ("template", "address"),
    [
        (
            "https://shop.example/c?id={checkout_id}&t={checkout_token}&l={language}",
            "https://shop.example/c?id=C1%3D%2F%2F%0D%0Aevil&t=tok%20en&l=ms",
        ),
        ("https://{channel}.shop.example/c", "https://my.shop.example/c"),
        ("https://{checkout_id}.shop.example/c", ""),
        ("https://shop.example{checkout_token}/c", ""),
        ("javascript:alert('{checkout_id}')", ""),
        ("", ""),
    ],
)
def test_only_the_template_says_where_a_basket_is(template: str, address: str) -> None:
    found = basket_address(
        Brand(basket_url=template),
        checkout_id="C1=//\r\nevil",
        token="tok en",
        channel="my",
        language="ms",
    )
    assert found == address


def test_order_and_the_parcel_it_is_about(brand: Brand) -> None:
    row = order()
    about = one(context={"order": row.saleor_id, "fulfillment": "F1-1"})["order"]
    assert about["tracking_number"] == "FIRST"
    assert about["placed_on"] == "2 March 2026"
    assert about["quantity"] == 3
    assert about["total"] == "RM\u00a01,234.50"
    assert about["lines"][0]["name"] == "Pen"
    other = one(contact=contact(2), context={"order": row.saleor_id})["order"]
    assert other["tracking_number"] == "SECOND"


def test_what_the_shop_does_not_know_is_left_out(brand: Brand) -> None:
    context = one(context={"checkout": "gone", "order": None, "fulfillment": ""})
    assert not {"basket", "order"} & set(context)


def test_the_number_of_queries_does_not_grow(brand: Brand) -> None:
    subjects = [
        MailSubject(
            contact=contact(number),
            context={"checkout": checkout(number).saleor_id, "order": order(number).saleor_id},
        )
        for number in range(12)
    ]

    def queries(count: int) -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            contexts = contexts_build(subjects[:count], now=NOW)
        assert len(contexts) == count
        assert all(context["basket"] and context["order"] for context in contexts)
        return len(captured)

    assert queries(1) == queries(12) == 5


def test_brands_by_channel() -> None:
    assert brand_for("any").pk is None
    default = Brand.objects.create(name="All")
    mine = Brand.objects.create(name="Mine", channel="my")
    brands = brands_load()
    assert brand_for("my", brands) == mine
    assert brand_for("sg", brands) == brand_for("sg") == default
    contexts = contexts_build(
        [
            MailSubject(contact=contact(1), channel="my"),
            MailSubject(contact=contact(2), channel="sg"),
        ],
        now=NOW,
    )
    assert [context["shop"]["name"] for context in contexts] == ["Mine", "All"]


def test_a_brand_cannot_break_a_mail() -> None:
    values = brand_values(
        Brand(
            name="X",
            color_primary="red;}",
            color_text="#123",
            font_family='"><script>',
            website_url="javascript:alert(1)",
            logo_url="/media/logo.png",
        )
    )
    assert values["color_primary"] == "#1f4b3f"
    assert values["color_text"] == "#222222"
    assert values["font_family"] == "Helvetica, Arial, sans-serif"
    assert values["url"] == ""
    assert values["logo_url"] == "https://studio.example/media/logo.png"


# Mails


def test_a_mail_is_the_same_from_stored_context_and_with_an_empty_cache(brand: Brand) -> None:
    email = compiled(
        "Hi {{ contact.first_name }}",
        blocks=(
            Heading("At {{ shop.name }}"),
            Text("<p>{{ shop.name }} {{ contact.first_name }}</p>"),
            Items("basket"),
            Button("Go", "{{ basket.url }}"),
        ),
    )
    version = publish(email)
    context = one(
        context={"checkout": checkout().saleor_id}, contact=contact(first_name="<b>{{x}}")
    )
    first = mail_render(version, context)
    mail_module._cache.clear()
    again = mail_render(EmailVersion.objects.get(), json.loads(json.dumps(context)))
    assert again == first
    assert first.subject == "Hi <b>{{x}}"
    assert "Kedai {{ x }} &amp; Co &lt;b&gt;{{x}}" in first.html
    assert "Kedai {{ x }} & Co <b>{{x}}" in first.text
    assert "#ffee00" in first.html
    assert "{{ shop" not in first.html


def test_two_brands_share_a_version() -> None:
    Brand.objects.create(name="One", color_primary="#111111")
    Brand.objects.create(name="Two", channel="two", color_primary="#222233")
    version = publish(
        compiled(blocks=(Button("Go", "https://go.example/x"),), subject="{{ shop.name }}")
    )
    person = contact()
    for channel, name, color in (("", "One", "#111111"), ("two", "Two", "#222233")):
        mail = mail_render(version, one(contact=person, channel=channel))
        assert mail.subject == name
        assert color in mail.html


def test_the_cache_of_parsed_templates_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail_module, "CACHE_SIZE", 3)
    mail_module._cache.clear()
    context = sample_context("en")
    for number in range(5):
        assert f"Mail {number}" in mail_render(publish(compiled(f"Mail {number}")), context).html
    assert len(mail_module._cache) == 3


# The registry


def test_every_variable_has_a_label_and_a_sample_that_renders() -> None:
    for variable in variables_all():
        assert str(variable.label)
    paths = [path for path in variables_known() if not path.endswith(".lines")]
    text = " ".join(f"{path}={{{{ {path} }}}}" for path in sorted(paths))
    email = compiled(blocks=(Text(f"<p>{text}</p>"),))
    assert email.ok, email.diagnostics


def test_real_contexts_hold_every_variable(brand: Brand) -> None:
    context = one(
        context={"checkout": checkout().saleor_id, "order": order().saleor_id},
        confirm_url="https://studio.example/subscribe/confirm/token/",
    )
    found = {"language"}
    for subject in ("contact", "shop", "links", "subscription", "basket", "order"):
        found |= {f"{subject}.{name}" for name in context[subject]}
    assert found == variables_known()
    sample = sample_context("en")
    assert sample.keys() == context.keys()
    assert sample["basket"]["lines"][0].keys() == context["basket"]["lines"][0].keys()


def test_a_trigger_must_provide_what_an_email_uses() -> None:
    used = ["basket.total", "order.number", "contact.first_name", "language", "basket"]
    assert variables_missing(used, []) == ["basket.total", "order.number"]
    assert variables_missing(used, ["basket"]) == ["order.number"]
    assert variables_missing(used, ["basket", "order"]) == []


def test_another_app_may_add_one(monkeypatch: pytest.MonkeyPatch) -> None:
    from saleor_automation.emails import variables

    monkeypatch.setattr(variables, "_registry", dict(variables._registry))
    assert not compiled("{{ points.balance }}").ok
    variables_register([Variable(path="points.balance", label="Points", sample=120)])
    assert compiled("{{ points.balance }}").ok
    with pytest.raises(ValueError, match="one or two names"):
        variables_register([Variable(path="a.b.c", label="x", sample=1)])
