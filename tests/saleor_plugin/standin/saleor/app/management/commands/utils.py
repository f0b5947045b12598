from __future__ import annotations

from saleor.app.models import Permission


def clean_permissions(names):
    return [Permission.objects.get_or_create(codename=name)[0] for name in names]
