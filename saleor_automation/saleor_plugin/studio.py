"""Where the Studio is, as a person typed it into the Dashboard.

Pure: knows what an address must look like and what to do next. Must not know
Saleor's plugin classes.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from django.utils.translation import gettext as _

#: Where the Studio serves the manifest a Dashboard installs an app from.
MANIFEST_PATH = "/saleor/manifest"


def studio_url_clean(value: str) -> str:
    """Return the Studio's address without a trailing slash; "" stays "".

    An address copied together with the manifest's path is understood. Raises
    ValueError whose text tells the person what to type instead.
    """
    value = value.strip()
    if not value:
        return ""
    example = "https://studio.example.com"
    try:
        url = urlsplit(value)
        port_is_valid = url.port is None or url.port > 0
    except ValueError:
        port_is_valid = False
        url = urlsplit("")
    if url.scheme not in {"http", "https"} or not url.hostname or not port_is_valid:
        raise ValueError(
            _("Type the Studio's whole address, for example %(example)s.") % {"example": example}
        )
    if any(character.isspace() for character in value):
        raise ValueError(_("The address has a space in it. Remove it."))
    if url.username or url.password:
        raise ValueError(_("Leave user name and password out of the address."))
    if url.query or url.fragment:
        raise ValueError(
            _("Type the address up to the host or folder only, for example %(example)s.")
            % {"example": example}
        )
    path = url.path.rstrip("/").removesuffix(MANIFEST_PATH)
    return f"{url.scheme}://{url.netloc}{path}"


def manifest_url(studio_url: str) -> str:
    """Return the address to install the app from."""
    return f"{studio_url}{MANIFEST_PATH}"


def next_step(studio_url: str, *, active: bool) -> str:
    """Return what the person should do now, for the read-only status field."""
    if not active:
        return _("Switched off. Switch the plugin on to use it.")
    if not studio_url:
        return _("Not set up yet. Enter the address of your Studio above and save.")
    return _(
        "Install the app that sends your shop's events to the Studio: open Extensions, "
        "choose to install from a manifest and enter %(url)s. This plugin itself sends "
        "nothing yet."
    ) % {"url": manifest_url(studio_url)}
