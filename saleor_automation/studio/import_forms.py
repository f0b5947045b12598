"""What a person is asked about a file of people.

Knows forms, and how what they say becomes rules. Must not know requests or pages.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, time
from typing import Any, Final

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from saleor_automation.people.importing import services
from saleor_automation.people.importing.models import ContactImport
from saleor_automation.people.importing.rules import KINDS, Rules, columns_guess, trait_guess
from saleor_automation.people.models import TraitType

#: Largest file, in megabytes.
MEGABYTES: Final = 50
MEANINGS = {
    "": gettext_lazy("leave out"),
    "email": gettext_lazy("address"),
    "first_name": gettext_lazy("first name"),
    "last_name": gettext_lazy("last name"),
    "name": gettext_lazy("whole name"),
    "language": gettext_lazy("language (en, ms …)"),
    "country": gettext_lazy("country (MY, SG …)"),
    "tags": gettext_lazy("tags, parted by commas"),
    "agreed": gettext_lazy("agreed to mails: yes or no"),
    "agreed_at": gettext_lazy("agreed when"),
}
BASES = [
    (
        "none",
        gettext_lazy("They did not agree, or I cannot prove it: bring in their profiles only"),
    ),
    ("opt_in", gettext_lazy("They ticked a box or signed up")),
    ("double_opt_in", gettext_lazy("They signed up and confirmed it by a link in a mail")),
    ("soft_opt_in", gettext_lazy("They bought something, were told, and could say no")),
]


class UploadForm(forms.Form):
    file = forms.FileField(
        label=gettext_lazy("CSV or Excel file"),
        help_text=gettext_lazy(
            "The first line names the columns. Nothing happens before you have looked at it."
        ),
        widget=forms.FileInput(attrs={"accept": ".csv,.tsv,.txt,.xlsx"}),
    )

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > MEGABYTES * 1_000_000:
            raise forms.ValidationError(_("The file is larger than %s MB. Divide it.") % MEGABYTES)
        return file


class RulesForm(forms.Form):
    """What the columns mean, where these people agreed, and what holds for all of them."""

    basis = forms.ChoiceField(
        label=gettext_lazy("Did these people agree to marketing mail?"),
        choices=BASES,
        widget=forms.RadioSelect,
    )
    where = forms.CharField(
        label=gettext_lazy("Where did they agree?"),
        required=False,
        max_length=200,
        help_text=gettext_lazy("For example: the sign-up form of our old shop"),
    )
    when = forms.DateField(
        label=gettext_lazy("When did they agree?"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=gettext_lazy("The latest day, where no column says it"),
    )
    wording = forms.CharField(
        label=gettext_lazy("Which words did they agree to?"),
        required=False,
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    channel = forms.CharField(
        label=gettext_lazy("For one sales channel only"),
        required=False,
        max_length=255,
        help_text=gettext_lazy(
            "Its slug: their consent counts there, and mails come from its brand. Empty: for the "
            "whole shop"
        ),
    )
    language = forms.CharField(
        label=gettext_lazy("Language of people whose line says none"), required=False, max_length=16
    )
    tags = forms.CharField(
        label=gettext_lazy("Tags for everybody"),
        required=False,
        max_length=200,
        help_text=gettext_lazy("Parted by commas"),
    )
    skip_undeliverable = forms.BooleanField(
        label=gettext_lazy("Leave out addresses no mail will reach"), required=False, initial=True
    )

    def __init__(self, *args: Any, importing: ContactImport, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.importing = importing
        self.samples = [line.cells for line in services.import_samples(importing)]
        kinds = dict(TraitType.objects.values_list("name", "kind"))
        for place, name in enumerate(importing.header):
            cells = [row[place] for row in self.samples if place < len(row)]
            self.fields[f"column{place}"] = forms.ChoiceField(
                label=name,
                choices=column_choices(trait_guess(name, cells), kinds),
                required=False,
                widget=forms.Select(attrs={"aria-label": name}),
            )

    @property
    def column_fields(self) -> list[Any]:
        return [self[f"column{place}"] for place in range(len(self.importing.header))]

    @property
    def plain_fields(self) -> list[Any]:
        return [self[name] for name in self.base_fields]

    def rules(self) -> Rules:
        """Return what was decided."""
        said = self.cleaned_data
        when = said["when"]
        return Rules(
            columns=tuple(said[f"column{place}"] for place in range(len(self.importing.header))),
            basis="" if said["basis"] == "none" else said["basis"],
            where=said["where"],
            at=datetime.combine(when, time(), tzinfo=UTC) if when else None,
            wording=said["wording"],
            channel=said["channel"],
            language=said["language"].replace("_", "-").lower(),
            tags=tuple(
                " ".join(word.lower().split())[:64]
                for word in said["tags"].split(",")
                if word.strip()
            ),
            skip_undeliverable=said["skip_undeliverable"],
        )


def column_choices(trait: str, kinds: dict[str, str]) -> list[tuple[str, Any]]:
    """Return what a column may mean; a trait that exists has the kind it has."""
    _trait, name, guessed = trait.split(":")
    ordered = [guessed, *(kind for kind in KINDS if kind != guessed)]
    allowed = [kinds[name]] if name in kinds else ordered
    traits = [
        (
            f"trait:{name}:{kind}",
            _("trait “%(name)s”, %(kind)s") % {"name": name, "kind": TraitType.Kind(kind).label},
        )
        for kind in allowed
    ]
    return [*MEANINGS.items(), *traits]


def rules_initial(importing: ContactImport) -> dict[str, Any]:
    """Return what a form begins with: what was decided before, else what is guessed."""
    if importing.rules:
        rules = Rules.from_json(importing.rules)
        columns: Sequence[str] = rules.columns
        given: dict[str, Any] = {
            "basis": rules.basis or "none",
            "where": rules.where,
            "when": rules.at.date() if rules.at else None,
            "wording": rules.wording,
            "channel": rules.channel,
            "language": rules.language,
            "tags": ", ".join(rules.tags),
            "skip_undeliverable": rules.skip_undeliverable,
        }
    else:
        samples = [line.cells for line in services.import_samples(importing)]
        columns, given = columns_guess(importing.header, samples), {}
    return given | {f"column{place}": target for place, target in enumerate(columns)}
