"""Where the Studio is, as a person typed it into the Dashboard.

Pure: knows what an address must look like. Must not know Saleor's plugin classes.
"""

from __future__ import annotations

from urllib.parse import urlsplit

#: Where the Studio serves the manifest a Dashboard installs an app from.
MANIFEST_PATH = "/saleor/manifest"
#: Saleor keeps the manifest's address in 200 characters.
MAX_LENGTH = 200 - len(MANIFEST_PATH)


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
        raise ValueError(f"Type the Studio's whole address, for example {example}.")
    if any(character.isspace() for character in value):
        raise ValueError("The address has a space in it. Remove it.")
    if url.username or url.password:
        raise ValueError("Leave user name and password out of the address.")
    if url.query or url.fragment:
        raise ValueError(f"Type the address up to the host or folder only, for example {example}.")
    path = url.path.rstrip("/").removesuffix(MANIFEST_PATH)
    if len(f"{url.scheme}://{url.netloc}{path}") > MAX_LENGTH:
        raise ValueError("The address is too long for Saleor. Use a shorter one.")
    return f"{url.scheme}://{url.netloc}{path}"


def manifest_url(studio_url: str) -> str:
    """Return the address to install the app from."""
    return f"{studio_url}{MANIFEST_PATH}"
