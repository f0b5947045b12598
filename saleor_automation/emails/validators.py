"""What a brand's fields may hold, asked when its form is saved.

Knows strings. ``brands.brand_values`` still looks at every value: a row written by code
has passed no form.
"""

from __future__ import annotations

import re

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator, URLValidator
from django.utils.translation import gettext_lazy as _

from saleor_automation.rendering.links import is_web_address

__all__ = ["BASKET_PLACEHOLDERS", "basket_url_validate", "color_validate", "web_address_validate"]

#: What a link to a basket may hold, in braces.
BASKET_PLACEHOLDERS = ("checkout_id", "checkout_token", "channel", "language")
_PLACEHOLDER = re.compile(r"\{(" + "|".join(BASKET_PLACEHOLDERS) + r")\}")

color_validate = RegexValidator(
    r"^#[0-9a-fA-F]{6}\Z", _("Write the colour as # and six digits or letters, like #1f4b3f.")
)
web_address_validate = URLValidator(
    schemes=["http", "https"],
    message=_("Write the whole address: https://…"),
    # "invalid" is the form field's own word, and its message would be shown instead.
    code="web_address",
)


def basket_url_validate(value: str) -> None:
    """Refuse what is no web address or has braces nobody fills in."""
    plain = _PLACEHOLDER.sub("x", value)
    if not is_web_address(plain) or re.search(r"\s", plain):
        raise ValidationError(_("Write the whole address: https://…"))
    if "{" in plain or "}" in plain:
        raise ValidationError(
            _("In braces it may hold only: %(names)s."),
            params={"names": ", ".join(f"{{{name}}}" for name in BASKET_PLACEHOLDERS)},
        )
