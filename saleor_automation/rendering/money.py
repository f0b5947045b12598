"""Write an amount as people of a language write it.

Knows signs, separators and minor units. Must not know prices, orders or Liquid. The
tables are small on purpose: a currency without a sign here is shown by its code,
which is never wrong.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

from .phrases import base

__all__ = ["money_format"]

#: Minor units (ISO 4217) where they are not two.
_UNITS = {
    **dict.fromkeys(("CLP", "ISK", "JPY", "KRW", "PYG", "UGX", "VND", "XAF", "XOF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
}
_SIGNS = {
    "AUD": "A$",
    "BRL": "R$",
    "CAD": "CA$",
    "CNY": "CN¥",
    "EUR": "€",
    "GBP": "£",
    "HKD": "HK$",
    "IDR": "Rp",
    "ILS": "₪",
    "INR": "₹",
    "JPY": "¥",
    "KRW": "₩",
    "MXN": "MX$",
    "MYR": "RM",
    "NZD": "NZ$",
    "PHP": "₱",
    "PLN": "zł",
    "SGD": "S$",
    "THB": "฿",
    "TRY": "₺",
    "TWD": "NT$",
    "UAH": "₴",
    "USD": "$",
    "VND": "₫",
}
#: (thousands, decimal) by language; the rest of the world here writes 1,234.50.
_SEPARATORS = {
    **dict.fromkeys(("da", "de", "el", "es", "hr", "id", "it", "nl", "pt", "ro"), (".", ",")),
    **dict.fromkeys(("sl", "sr", "tr", "vi"), (".", ",")),
    **dict.fromkeys(("bg", "cs", "et", "fi", "fr", "hu", "lt", "lv"), ("\u00a0", ",")),
    **dict.fromkeys(("nb", "nn", "no", "pl", "ru", "sk", "sv", "uk"), ("\u00a0", ",")),
}
#: Languages that write a comma but put the sign first.
_SIGN_FIRST = {"id", "nl", "pt", "tr"}


@lru_cache(maxsize=512)
def _shape(currency: str, language: str) -> tuple[int, str, str, str, str]:
    name = base(language)
    thousands, point = _SEPARATORS.get(name, (",", "."))
    sign = _SIGNS.get(currency, currency)
    if name in _SEPARATORS and name not in _SIGN_FIRST:
        before, after = "", f"\u00a0{sign}" if sign else ""
    else:
        # "RM 10" and "CHF 10" need the gap, "$10" does not.
        gap = "\u00a0" if sign[-1:].isalpha() or name in _SIGN_FIRST else ""
        before, after = f"{sign}{gap}" if sign else "", ""
    return _UNITS.get(currency, 2), thousands, point, before, after


def money_format(amount: Decimal | str | int, currency: str, language: str) -> str:
    """Return ``amount`` (major units) with its currency, rounded half up.

    Raises decimal.InvalidOperation when ``amount`` is not a number.
    """
    units, thousands, point, before, after = _shape(currency.upper(), language)
    value = Decimal(amount)
    if not value.is_finite():
        raise ArithmeticError(f"{amount} is not an amount of money.")
    exact = value.quantize(Decimal(1).scaleb(-units), rounding=ROUND_HALF_UP)
    minus = "-" if exact < 0 else ""
    number = f"{abs(exact):,f}"
    if (thousands, point) != (",", "."):
        number = number.translate({ord(","): thousands, ord("."): point})
    return f"{minus}{before}{number}{after}"
