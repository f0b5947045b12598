from __future__ import annotations


def get_domain():
    return "shop.example"


def build_absolute_uri(location, domain=None):
    return f"https://{domain or get_domain()}{location}"
