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


class SaleorUnreachable(SaleorAPIError):
    """Saleor did not answer, or not now: the same question may be answered later.

    ``retry_after`` is what Saleor asked us to wait, in seconds; None when it did not say.
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class SaleorAccessError(SaleorAPIError):
    """Saleor does not let the app do this: a permission is missing, or it knows it no more."""


class SaleorInstallationError(SaleorAccessError):
    """Saleor does not know our app (any more): a person must install or activate it."""


class SaleorPermissionError(SaleorAccessError):
    """Our app lacks a permission: a person must grant it."""


class SaleorTooMuch(SaleorAPIError):
    """One question asked for too much: ask for less at a time.

    ``cost`` and ``maximum`` are Saleor's figures; None when the answer was too long.
    """

    def __init__(
        self, message: str, *, cost: int | None = None, maximum: int | None = None
    ) -> None:
        super().__init__(message)
        self.cost = cost
        self.maximum = maximum


class SaleorNotFound(SaleorAPIError):
    """Saleor has no such object, or there is no Saleor at that address."""


class SaleorObjectError(SaleorAPIError):
    """Saleor understood the question, but cannot tell of one of the objects it is about."""


class DeliveryError(AutomationError):
    """A mail could not be handed over. ``permanent`` means trying again is useless."""

    def __init__(self, message: str, *, permanent: bool) -> None:
        super().__init__(message)
        self.permanent = permanent
