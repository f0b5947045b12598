"""Errors of the product. Each says what went wrong and what to do next.

Knows nothing of Django's ORM, so every package may import it.
"""

from __future__ import annotations


class AutomationError(Exception):
    """Something went wrong; the message says what to do next."""


class UsageError(AutomationError):
    """A person asked for something that cannot be done; the command line exits 2."""


class ContractError(AutomationError):
    """A payload does not hold what the contract with Saleor promises."""


class CompileError(AutomationError):
    """An email or a sequence cannot be compiled; ``diagnostics`` says where."""

    def __init__(self, message: str, diagnostics: tuple[object, ...] = ()) -> None:
        super().__init__(message)
        self.diagnostics = diagnostics


class RenderError(AutomationError):
    """A compiled email cannot be rendered for one person."""


class SaleorAPIError(AutomationError):
    """Saleor's API refused, timed out or answered nonsense."""


class SaleorAccessError(SaleorAPIError):
    """Saleor does not let the app do this: a permission is missing, or it knows it no more."""


class DeliveryError(AutomationError):
    """A mail could not be handed over. ``permanent`` means trying again is useless."""

    def __init__(self, message: str, *, permanent: bool) -> None:
        super().__init__(message)
        self.permanent = permanent
