"""Of ``check``: can people confirm that they want mail, where the shop asks them to?

Knows rules and the email that asks. Silent where nobody has to confirm.
"""

from __future__ import annotations

from collections.abc import Iterator

from .finding import OK, PROBLEM, Finding, at_page


def confirming_look(*, ready: bool) -> Iterator[Finding]:
    """Look whether the mail that asks can be sent."""
    if not ready:
        return
    from saleor_automation.people.subscribing.rules import rules_load
    from saleor_automation.studio.consent import confirmation_problem

    if not any(rules_load().values()):
        return
    problem = confirmation_problem()
    if problem:
        advice = at_page("See in the Studio under Automation, Consent.", "consent/")
        yield Finding("confirmation", PROBLEM, problem, advice)
    else:
        yield Finding("confirmation", OK, "People are asked by mail whether they want mail.")
