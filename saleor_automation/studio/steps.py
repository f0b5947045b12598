"""The blocks a sequence is written with: steps, branches and exit rules.

Knows forms and their checks. Must not know how steps become a graph: that is
``compile``. The import paths of the functions given as ``choices`` are part of the
migrations, so they stay where they are.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from wagtail import blocks
from wagtail.blocks.struct_block import StructBlockValidationError

from saleor_automation.exceptions import CompileError
from saleor_automation.people.predicates.language import LONGEST
from saleor_automation.sequences.conditions import FACTS, OP_WORDS, condition_parse

#: How deep branches may be nested; deeper forms cannot be read any more.
DEPTH = 3
UNIT_MINUTES = {"minutes": 1, "hours": 60, "days": 24 * 60, "weeks": 7 * 24 * 60}

#: Units of a wait of one, which a form's list of units cannot say.
UNIT_WORDS_ONE = {"minutes": _("minute"), "hours": _("hour"), "days": _("day"), "weeks": _("week")}


def fact_choices() -> list[tuple[str, Any]]:
    """Return every fact a condition may ask about, as form choices."""
    return [(name, fact.label) for name, fact in FACTS.items()]


def op_choices() -> list[tuple[str, Any]]:
    """Return every operator, as form choices."""
    return list(OP_WORDS.items())


def unit_choices() -> list[tuple[str, Any]]:
    """Return the units of a wait, as form choices."""
    return [
        ("minutes", _("minutes")),
        ("hours", _("hours")),
        ("days", _("days")),
        ("weeks", _("weeks")),
    ]


class TestBlock(blocks.StructBlock):
    """One typed comparison: fact, operator, value."""

    __test__ = False  # pytest would take it for a test class

    fact = blocks.ChoiceBlock(choices=fact_choices, label=_("What to look at"))
    op = blocks.ChoiceBlock(choices=op_choices, label=_("Comparison"))
    value = blocks.CharBlock(
        required=False,
        label=_("Value"),
        help_text=_("A number or a text. Several texts are separated by commas."),
    )
    of = blocks.CharBlock(
        required=False,
        max_length=255,
        label=_("Of which"),
        help_text=_(
            "For facts that ask of one thing: a tag, a trait’s name, a currency (MYR), the slug of "
            "a category or product as in Saleor, or a kind of event (ordered, basket_changed)."
        ),
    )
    days = blocks.IntegerBlock(
        required=False,
        min_value=1,
        max_value=LONGEST,
        label=_("In the last days"),
        help_text=_("Empty: ever."),
    )

    def clean(self, value: Any) -> Any:
        result = super().clean(value)
        if self.is_deferred_validation:
            return result
        fact = FACTS[result["fact"]]
        if result["op"] not in fact.ops:
            fitting = ", ".join(f"“{OP_WORDS[op]}”" for op in fact.ops)
            message = _("“%(fact)s” can be compared with: %(ops)s.") % {
                "fact": fact.label,
                "ops": fitting,
            }
            raise StructBlockValidationError(block_errors={"op": ValidationError(message)})
        errors = {}
        if fact.of is not None and not result["of"] and not fact.of_optional:
            errors["of"] = ValidationError(_("Say which %s.") % fact.of)
        if fact.of is None and result["of"]:
            errors["of"] = ValidationError(_("This fact asks of nothing; leave it empty."))
        if fact.of_choices is not None and result["of"]:
            known = [value for value, _words in fact.of_choices()]
            if result["of"].strip().lower() not in known:
                errors["of"] = ValidationError(
                    _("There is no %(what)s “%(name)s”. Known: %(known)s.")
                    % {"what": fact.of, "name": result["of"], "known": ", ".join(known) or "–"}
                )
        if result["days"] and not fact.windowed:
            errors["days"] = ValidationError(_("This fact cannot look back; leave it empty."))
        if errors:
            raise StructBlockValidationError(block_errors=errors)
        try:
            condition_parse({key: result[key] for key in ("fact", "op", "value", "of", "days")})
        except CompileError as error:
            raise StructBlockValidationError(
                block_errors={"value": ValidationError(str(error))}
            ) from None
        return result


class ExitRuleBlock(TestBlock):
    """A condition that ends the sequence wherever the person stands."""

    reason = blocks.RegexBlock(
        regex=r"^[a-z][a-z0-9_]{0,63}$",
        required=False,
        label=_("Reason"),
        help_text=_("One word for reports, for example “ordered”. Empty: taken from the fact."),
        error_messages={"invalid": _("Use small letters, digits and underscores.")},
    )

    class Meta:
        label = _("Leave when")
        icon = "logout"
        label_format = "{fact} {op} {value}"


class SendStep(blocks.StructBlock):
    email = blocks.PageChooserBlock(page_type="saleor_automation.EmailPage", label=_("Email"))
    expires_hours = blocks.IntegerBlock(
        required=False,
        min_value=1,
        label=_("Not later than (hours)"),
        help_text=_("If it could not leave within so many hours, it is not sent any more."),
    )
    voucher_code = blocks.CharBlock(
        required=False,
        max_length=255,
        label=_("Voucher code"),
        help_text=_(
            "For emails about a basket. The link back to the basket applies it, and the email "
            "may show it as {{ basket.voucher_code }}. Write it exactly as in Saleor."
        ),
    )

    class Meta:
        label = _("Send")
        icon = "mail"
        label_format = "{email}"


class WaitStep(blocks.StructBlock):
    amount = blocks.IntegerBlock(min_value=1, default=1, label=_("How long"))
    unit = blocks.ChoiceBlock(choices=unit_choices, default="days", label=_("Unit"))

    class Meta:
        label = _("Wait")
        icon = "time"
        label_format = "{amount} {unit}"


class ExitStep(blocks.StructBlock):
    reason = blocks.RegexBlock(
        regex=r"^[a-z][a-z0-9_]{0,63}$",
        default="finished",
        label=_("Reason"),
        help_text=_("One word for reports, for example “not_interested”."),
        error_messages={"invalid": _("Use small letters, digits and underscores.")},
    )

    class Meta:
        label = _("Leave the sequence")
        icon = "cross"
        label_format = "{reason}"


@cache
def _children(depth: int) -> tuple[tuple[str, blocks.Block], ...]:
    # One instance per level, shared by both branches: the editor's payload stays at
    # 40 KB instead of 1.5 MB. The branch itself must not be shared: it has the label.
    steps: list[tuple[str, blocks.Block]] = [
        ("send", SendStep()),
        ("wait", WaitStep()),
        ("exit", ExitStep()),
    ]
    if depth:
        steps.append(("if", _if_block(depth)))
    return tuple(steps)


def _if_block(depth: int) -> blocks.Block:
    return TestBlock(
        [
            ("then", branch(depth - 1, _("Then"))),
            ("otherwise", branch(depth - 1, _("Otherwise"))),
        ],
        label=_("If"),
        icon="decimal",
        label_format="{fact} {op} {value}",
    )


def branch(depth: int, label: Any) -> blocks.StreamBlock:
    """Return a stream of steps that may hold ``depth`` more levels of branches."""
    return blocks.StreamBlock(list(_children(depth)), required=False, collapsed=True, label=label)


def step_blocks() -> list[tuple[str, blocks.Block]]:
    """Return the blocks of a whole sequence."""
    return list(_children(DEPTH))


def exit_blocks() -> list[tuple[str, blocks.Block]]:
    """Return the blocks of a sequence's exit rules."""
    return [("rule", ExitRuleBlock())]
