"""The starter emails in English. Editors make them their own; this is where they begin."""

from __future__ import annotations

from .content import DIVIDER, EmailText, button, heading, items, text

HELLO = '<p>Hi {{ contact.first_name | default: "there" }},</p>'
SHOP = "{{ shop.url }}"
BASKET = "{{ basket.url }}"

EMAILS: dict[str, EmailText] = {
    "confirm-subscription": EmailText(
        title="Confirm: do you want our mails?",
        subject="Please confirm: mails from {{ shop.name }}",
        preheader="One press of a button, and you are signed up.",
        body=(
            heading("Do you want our mails?"),
            text(
                HELLO + "<p>Somebody, probably you, asked {{ shop.name }} for mails to this "
                "address. Press the button and you are signed up. The link works for seven "
                "days.</p><p>It was not you? Then do nothing: no news will come.</p>"
            ),
            button("Yes, send me mails", "{{ subscription.confirm_url }}"),
        ),
    ),
    "welcome-hello": EmailText(
        title="Welcome 1: Hello",
        subject="Welcome to {{ shop.name }}",
        preheader="Your account is ready. Here is what it does for you.",
        body=(
            heading("Good to have you here"),
            text(
                HELLO + "<p>Your account at {{ shop.name }} is ready. It remembers your "
                "addresses and keeps your orders in one place, so the next checkout takes a "
                "minute.</p><p>Over the next two weeks we will send you four more short "
                "emails: how ordering works, where to begin, and how to reach us. After that "
                "we only write when there is something to say.</p>"
            ),
            button("Take a look around", SHOP),
        ),
    ),
    "welcome-good-to-know": EmailText(
        title="Welcome 2: Good to know",
        subject="Before your first order: three things",
        preheader="Delivery, changing your mind, and what to do when it isn’t right.",
        body=(
            heading("Three things people ask us first"),
            text(
                HELLO + "<p><b>What will delivery cost?</b> You see the price at the checkout, "
                "before you pay. Looking it up commits you to nothing.</p><p><b>Can I change "
                "my mind after ordering?</b> Yes. Reply to your order confirmation as soon as "
                "you can. If the parcel hasn’t left, we can still change the address or the "
                "order.</p><p><b>What if it isn’t right?</b> Write to us with your order "
                "number and a photo. A person reads it and gets back to you.</p>"
            ),
            button("Visit the shop", SHOP),
        ),
    ),
    "welcome-where-to-start": EmailText(
        title="Welcome 3: Where to start",
        subject="Not sure where to start?",
        preheader="A short way through the shop.",
        body=(
            heading("A short way through the shop"),
            text(
                HELLO + "<p>A shop you don’t know yet can feel like a lot. This is how we "
                "would go about it:</p><ol><li><b>Begin with one thing you need anyway.</b> "
                "You will see how we pack and how fast we are, and you haven’t spent much to "
                "find out.</li><li><b>Read the description to the end.</b> Sizes, materials "
                "and care are down there, and they save you a return.</li><li><b>Put what you "
                "like in the basket.</b> It stays there while you think.</li></ol>"
            ),
            button("Find your first thing", SHOP),
        ),
    ),
    "welcome-questions": EmailText(
        title="Welcome 4: Questions",
        subject="Can we help you choose?",
        preheader="Tell us what you’re looking for. A person will answer.",
        body=(
            heading("What are you looking for?"),
            text(
                HELLO
                + "<p>If you have been looking around and haven’t found the right thing, tell "
                "us. Just reply to this email with a line or two: what it’s for, what size, "
                "what you would like to spend.</p><p>Someone who knows our range will read it "
                "and tell you what we would take ourselves. And if we don’t have it, we will "
                "say so.</p>"
            ),
            button("Keep looking", SHOP),
        ),
    ),
    "welcome-last-one": EmailText(
        title="Welcome 5: Last one",
        subject='That’s our welcome, {{ contact.first_name | default: "and thank you" }}',
        preheader="The last of our welcome emails. Your account stays open.",
        body=(
            heading("This is the last of our welcome emails"),
            text(
                HELLO + "<p>Two weeks ago you opened an account with us, and we have written "
                "five times since. That’s enough of a welcome.</p><p>Your account stays as it "
                "is, with your addresses and your orders. When you need something, we are "
                "here.</p><p>Thank you for giving us a try.<br/>Everyone at {{ shop.name }}</p>"
            ),
            button("See what’s in the shop today", SHOP),
        ),
    ),
    "basket-still-here": EmailText(
        title="Basket 1: Still here",
        subject="Your basket is still here",
        preheader="We kept everything as you left it.",
        body=(
            heading("We kept your basket"),
            text(
                HELLO + "<p>You were about to order, and then something came up. Nothing is "
                "lost: here is what you had chosen.</p>"
            ),
            items("basket"),
            button("Go back to your basket", BASKET),
            text(
                "<p>We haven’t put anything aside, so if one of these is running low, sooner "
                "is safer.</p>"
            ),
        ),
    ),
    "basket-any-trouble": EmailText(
        title="Basket 2: Any trouble?",
        subject="Did something go wrong at the checkout?",
        preheader="If it was us, tell us and we’ll sort it out.",
        body=(
            heading("Was it something on our side?"),
            text(
                HELLO + "<p>Yesterday you stopped just before paying. Often that is simply "
                "because the day got in the way. Sometimes it is one of "
                "these:</p><ul><li><b>The payment didn’t go through.</b> Try again, or choose "
                "another way to pay.</li><li><b>You weren’t sure about size or colour.</b> "
                "Reply to this email and ask. We answer.</li><li><b>Your address wouldn’t fit "
                "the form.</b> Send it to us, and we will see to it.</li></ul>"
            ),
            items("basket"),
            button("Finish your order", BASKET),
        ),
    ),
    "basket-last-reminder": EmailText(
        title="Basket 3: Last reminder",
        subject="Our last reminder about your basket",
        preheader="After this one we’ll leave it be.",
        body=(
            heading("Still thinking it over?"),
            text(
                HELLO + "<p>That’s fine. This is the last time we write about this "
                "basket.</p><p>If you would like these after all, they are one click away. If "
                "not, you don’t need to do anything.</p>"
            ),
            items("basket"),
            button("Open your basket", BASKET),
        ),
    ),
    "order-on-its-way": EmailText(
        title="Order 1: On its way",
        subject="Your parcel has left us (order {{ order.number }})",
        preheader="What is in it, and how to follow it.",
        body=(
            heading("It’s on its way to you"),
            text(
                HELLO + "<p>We handed your parcel to the carrier yesterday. This is what you "
                "ordered:</p>"
            ),
            items("order"),
            text(
                '<p>{% if order.tracking_number != "" %}'
                "Your tracking number is <b>{{ order.tracking_number }}</b>. It can take a day "
                "until the carrier shows the first scan.{% else %}This one travels without "
                "tracking. Give it a few working days.{% endif %}</p><p>When it arrives, open "
                "it soon and check that everything is there. If something is missing or "
                "broken, take a photo and reply to this email.</p>"
            ),
            button("Go to the shop", SHOP),
        ),
    ),
    "order-how-is-it": EmailText(
        title="Order 2: How is it?",
        subject="Is everything right with your order?",
        preheader="A week on: tell us if something isn’t as it should be.",
        body=(
            heading("How are you getting on with it?"),
            text(
                HELLO + "<p>Your order {{ order.number }} left us a week ago, so by now you "
                "should have it in use.</p><p><b>All good?</b> Then there is nothing to do. "
                "Enjoy it.</p><p><b>Not quite?</b> Wrong size, damaged, or still not there? "
                "Reply to this email, with a photo if it helps. The sooner we know, the more "
                "we can do.</p>"
            ),
            items("order"),
            button("Visit the shop", SHOP),
        ),
    ),
    "order-your-opinion": EmailText(
        title="Order 3: Your opinion",
        subject="What would you tell a friend about it?",
        preheader="Two sentences are plenty. The bad ones count as well.",
        body=(
            heading("What would you tell a friend?"),
            text(
                HELLO
                + "<p>You have had your order for about three weeks. Long enough to know what "
                "the photos don’t show.</p>"
            ),
            items("order"),
            text(
                "<p>Would you write us two sentences about it? What you use it for, what you "
                "like, what you would change. Just reply to this email, it reaches the people "
                "who choose and pack our goods. A bad word is as useful to us as a good one.</p>"
            ),
            button("Back to the shop", SHOP),
            DIVIDER,
            text("<p>Thank you for buying from {{ shop.name }}.</p>"),
        ),
    ),
}
