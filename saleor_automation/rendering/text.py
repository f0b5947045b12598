"""The plain text part of a mail, from the same blocks as the HTML part.

Knows line lengths. The result is a Liquid template; values are not known yet, so a
line is broken as if each were a dozen characters long.
"""

from __future__ import annotations

import re

from .document import Block, Button, Divider, Document, Footer, Heading, Image, Items, Text
from .links import link_normalise, link_when
from .phrases import phrase
from .richtext import Node, richtext_parse, richtext_text
from .tokens import LIQUID

__all__ = ["text_compile", "text_tidy"]

WIDTH = 72
VALUE_WIDTH = 12
#: A word; a Liquid output or tag belongs to the word it touches.
_WORD = re.compile(r"(?:\{\{.*?\}\}|\{%.*?%\}|\S)+", re.S)
_TRAILING = re.compile(r"[ \t\r]+\n")
_GAPS = re.compile(r"\n{3,}")


def text_compile(document: Document) -> str:
    """Return the Liquid template of the text part."""
    footers = [block for block in document.blocks if isinstance(block, Footer)]
    body = [block for block in document.blocks if not isinstance(block, Footer)]
    parts = ["{{ shop.name }}", *(_block(block, document.language) for block in body)]
    parts.append(_footer(footers, document.language))
    return "\n\n".join(filter(None, parts)) + "\n"


def text_tidy(rendered: str) -> str:
    """Close the gaps that empty values and branches leave."""
    # Looking first costs a tenth of what the expressions do, and most mails have no gap.
    if " \n" in rendered or "\t\n" in rendered or "\r\n" in rendered:
        rendered = _TRAILING.sub("\n", rendered)
    if "\n\n\n" in rendered:
        rendered = _GAPS.sub("\n\n", rendered)
    return rendered.strip() + "\n"


def _block(block: Block, language: str) -> str:
    match block:
        case Heading(text=text):
            return wrap(text)
        case Text(html=html):
            return richtext_text(_with_links(richtext_parse(html)), wrap)
        case Image(alt=alt, link=link):
            target = link_normalise(link)
            return wrap(alt) + (_linked(f"\n{target}", target) if alt and target else "")
        case Button(label=label, link=link):
            target = link_normalise(link)
            return _linked(f"{wrap(label)}:\n{target}", target)
        case Items():
            return _items(block, language)
        case Divider():
            return "-" * 24
        case Footer():
            return ""


def _linked(text: str, target: str) -> str:
    """Return text that is there only when its link has a target."""
    when = link_when(target)
    return f"{when}{text}{{% endif %}}" if when else text


def _with_links(nodes: list[Node]) -> list[Node]:
    for node in nodes:
        node.href = link_normalise(node.href)
        _with_links(node.children)
    return nodes


def _items(block: Items, language: str) -> str:
    of, left = block.source, phrase("left", language)
    lines = (
        f"{{% for line in {of}.lines %}}"
        "- {{ line.quantity }} x {{ line.name }}"
        "{% if line.variant != blank %} ({{ line.variant }}){% endif %}: {{ line.price }}"
        f"{{% if line.left != blank %}} ({left}: {{{{ line.left }}}}){{% endif %}}\n"
        "{% endfor %}"
    )
    if of == "basket":
        gone = phrase("sold_out", language)
        lines += (
            f"{{% if basket.sold_out != blank %}}{gone}: {{{{ basket.sold_out }}}}\n{{% endif %}}"
        )
    if block.show_total:
        lines += f"{phrase('total', language)}: {{{{ {of}.total }}}}"
    return f"{{% if {of}.lines != blank %}}{lines}{{% endif %}}"


def _footer(footers: list[Footer], language: str) -> str:
    own = [richtext_text(_with_links(richtext_parse(footer.html)), wrap) for footer in footers]
    parts = ["-" * 24, *filter(None, own), "{{ shop.name }}\n{{ shop.postal_address }}"]
    for name in ("unsubscribe", "preferences", "view"):
        parts.append(
            f"{{% if links.{name} != blank %}}{phrase(name, language)}: "
            f"{{{{ links.{name} }}}}{{% endif %}}"
        )
    return "\n\n".join(parts)


def wrap(text: str, indent: str = "") -> str:
    """Break lines at ``WIDTH``; a line break in ``text`` stays one."""
    lines: list[str] = []
    for paragraph in text.split("\n"):
        line, width = "", 0
        for word in _WORD.findall(paragraph):
            length = len(_sample(word))
            if line and width + 1 + length > WIDTH - len(indent):
                lines.append(indent + line)
                line, width = word, length
            else:
                line = f"{line} {word}" if line else word
                width += length + 1
        lines.append(indent + line if line else "")
    return "\n".join(lines).strip("\n")


def _sample(word: str) -> str:
    return LIQUID.sub(
        lambda match: "x" * VALUE_WIDTH if match.group().startswith("{{") else "", word
    )
