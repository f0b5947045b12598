"""What the demo shop shows a browser: pictures of products, and a page in place of a storefront.

Knows names and colours only.
"""

from __future__ import annotations

import hashlib
import re

from .goods import SHOP_NAME

PICTURE = re.compile(r"/thumbnail/([a-z]+)/512/")
PAGE = f"""<!doctype html><html lang="en"><meta charset="utf-8"><title>{SHOP_NAME}</title>
<body style="font-family: sans-serif; max-width: 36em; margin: 4em auto">
<h1>{SHOP_NAME}</h1><p>The demo shop has no storefront: links in its mails end here.</p>"""


def picture_of(product: str) -> bytes:
    """Return a picture of a product: its initial on a colour of its own, as SVG."""
    hue = int(hashlib.sha256(product.encode()).hexdigest()[:4], 16) % 360
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 512 512" width="512" height="512">'
        f'<rect width="512" height="512" fill="hsl({hue} 35% 85%)"/>'
        f'<circle cx="256" cy="256" r="150" fill="hsl({hue} 35% 55%)"/>'
        '<text x="256" y="310" font-size="160" text-anchor="middle" fill="#fff" '
        f'font-family="Georgia, serif">{product[:1].upper()}</text></svg>'
    ).encode()
