"""Amounts as people of a language write them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from saleor_automation.rendering.money import money_format


@pytest.mark.parametrize(
    ("amount", "currency", "language", "expected"),
    [
        ("59.8", "MYR", "ms", "RM\u00a059.80"),
        ("1234567.895", "USD", "en", "$1,234,567.90"),
        ("-5", "USD", "en-gb", "-$5.00"),
        ("-0.001", "USD", "en", "$0.00"),
        ("1234.5", "EUR", "fr", "1\u00a0234,50\u00a0€"),
        ("1234.5", "EUR", "nl", "€\u00a01.234,50"),
        ("1234.5", "CHF", "en", "CHF\u00a01,234.50"),
        ("1234.5", "PLN", "pl", "1\u00a0234,50\u00a0zł"),
        ("1500", "JPY", "ja", "¥1,500"),
        ("1.2345", "KWD", "en", "KWD\u00a01.235"),
        ("10", "", "en", "10.00"),
        ("10", "eur", "pt-BR", "€\u00a010,00"),
    ],
)
def test_money(amount: str, currency: str, language: str, expected: str) -> None:
    assert money_format(Decimal(amount), currency, language) == expected


@pytest.mark.parametrize("amount", ["", "abc", "NaN", "Infinity", "12,50"])
def test_what_is_no_amount_is_refused(amount: str) -> None:
    with pytest.raises(ArithmeticError):
        money_format(amount, "MYR", "en")
