"""Read model of the shop: what Saleor last said, one row per object.

Knows money, lines and versions. Must not know contacts beyond the ``contact``
column, which ``people`` writes. A row is the state at its version, the pair
(updatedAt, issuedAt): an older payload never overwrites a newer one.
"""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Channel(models.Model):
    """A sales channel of the shop."""

    slug = models.CharField(max_length=255, unique=True)
    currency = models.CharField(max_length=3, blank=True, default="")
    default_country = models.CharField(max_length=2, blank=True, default="")

    class Meta:
        verbose_name = _("channel")
        verbose_name_plural = _("channels")

    def __str__(self) -> str:
        return self.slug


class Versioned(models.Model):
    """A row that knows how new its content is."""

    #: Saleor's global id.
    saleor_id = models.CharField(max_length=128, unique=True)
    version_updated_at = models.DateTimeField(null=True, blank=True)
    version_issued_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True


class ShopOrder(Versioned):
    """One order. Amounts are gross, in ``currency``, shipping included in total."""

    number = models.CharField(max_length=64, blank=True, default="")
    channel = models.CharField(max_length=255, blank=True, default="")
    contact = models.ForeignKey(
        "saleor_automation.Contact",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="orders",
        db_index=False,
    )
    user_id = models.CharField(max_length=128, blank=True, default="", db_index=True)
    email = models.CharField(max_length=254, blank=True, default="", db_index=True)
    status = models.CharField(max_length=32, blank=True, default="")
    charge_status = models.CharField(max_length=32, blank=True, default="")
    placed_at = models.DateTimeField(null=True, blank=True)
    checkout_id = models.CharField(max_length=128, blank=True, default="", db_index=True)
    language = models.CharField(max_length=16, blank=True, default="")
    country = models.CharField(max_length=2, blank=True, default="")
    currency = models.CharField(max_length=3, blank=True, default="")
    total_gross = models.DecimalField(max_digits=20, decimal_places=4, default=0)
    total_net = models.DecimalField(max_digits=20, decimal_places=4, default=0)
    shipping_gross = models.DecimalField(max_digits=20, decimal_places=4, default=0)
    refunded_gross = models.DecimalField(max_digits=20, decimal_places=4, default=0)

    class Meta:
        verbose_name = _("order")
        verbose_name_plural = _("orders")
        indexes = [models.Index(fields=["contact", "-placed_at"], name="sa_order_contact")]

    def __str__(self) -> str:
        return f"#{self.number}"


class OrderLine(models.Model):
    """One line of an order. Amounts are gross, in ``currency``."""

    saleor_id = models.CharField(max_length=128, unique=True)
    order = models.ForeignKey(ShopOrder, on_delete=models.CASCADE, related_name="lines")
    position = models.PositiveIntegerField(default=0)
    product_id = models.CharField(max_length=128, blank=True, default="")
    product_slug = models.CharField(max_length=255, blank=True, default="")
    category_slug = models.CharField(max_length=255, blank=True, default="")
    variant_id = models.CharField(max_length=128, blank=True, default="")
    product_name = models.CharField(max_length=400, blank=True, default="")
    variant_name = models.CharField(max_length=400, blank=True, default="")
    sku = models.CharField(max_length=255, blank=True, default="")
    quantity = models.PositiveIntegerField(default=0)
    currency = models.CharField(max_length=3, blank=True, default="")
    unit_gross = models.DecimalField(max_digits=20, decimal_places=4, default=0)
    total_gross = models.DecimalField(max_digits=20, decimal_places=4, default=0)
    image_url = models.CharField(max_length=1000, blank=True, default="")

    class Meta:
        ordering = ["position", "id"]

    def __str__(self) -> str:
        return f"{self.quantity} x {self.product_name}"


class Fulfillment(models.Model):
    """One parcel of an order."""

    saleor_id = models.CharField(max_length=128, unique=True)
    order = models.ForeignKey(ShopOrder, on_delete=models.CASCADE, related_name="fulfillments")
    status = models.CharField(max_length=32, blank=True, default="")
    tracking_number = models.CharField(max_length=255, blank=True, default="")
    created_at = models.DateTimeField(null=True, blank=True)
    version_issued_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.tracking_number or self.saleor_id


class Checkout(Versioned):
    """One basket. Amounts are gross, in ``currency``; ``lines`` are plain dicts.

    A line has: id, variant_id, product_id, product_name, product_slug, variant_name,
    sku, quantity (int), unit_gross, total_gross (decimal strings), currency, image_url,
    available (units that can be bought when fewer than wanted, else null).
    """

    token = models.CharField(max_length=64, blank=True, default="")
    channel = models.CharField(max_length=255, blank=True, default="")
    contact = models.ForeignKey(
        "saleor_automation.Contact",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="checkouts",
        db_index=False,
    )
    user_id = models.CharField(max_length=128, blank=True, default="", db_index=True)
    email = models.CharField(max_length=254, blank=True, default="", db_index=True)
    language = models.CharField(max_length=16, blank=True, default="")
    country = models.CharField(max_length=2, blank=True, default="")
    created_at = models.DateTimeField(null=True, blank=True)
    currency = models.CharField(max_length=3, blank=True, default="")
    total_gross = models.DecimalField(max_digits=20, decimal_places=4, default=0)
    quantity = models.PositiveIntegerField(default=0)
    lines = models.JSONField(default=list)
    charge_status = models.CharField(max_length=32, blank=True, default="")
    authorize_status = models.CharField(max_length=32, blank=True, default="")
    #: Saleor no longer has it, and no order came of it as far as we know.
    deleted = models.BooleanField(default=False)

    class Meta:
        verbose_name = _("basket")
        verbose_name_plural = _("baskets")
        indexes = [models.Index(fields=["contact", "-created_at"], name="sa_checkout_contact")]

    def __str__(self) -> str:
        return self.saleor_id
