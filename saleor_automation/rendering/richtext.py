"""The little HTML editors write, read once and written out for mail and for text.

Knows p, br, b, i, a and lists. Must not know where it came from. The output is
built anew from what is allowed, so it is always well-formed, which mrml asks for,
and never holds a script, a style or an event handler.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser

from . import tokens
from .links import link_when

__all__ = ["Node", "richtext_html", "richtext_parse", "richtext_text", "richtext_words"]

#: What is allowed, under the name it is written out with.
_TAGS = {
    "a": "a",
    "b": "b",
    "br": "br",
    "em": "i",
    "i": "i",
    "li": "li",
    "ol": "ol",
    "p": "p",
    "strong": "b",
    "ul": "ul",
    **dict.fromkeys(("div", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote"), "p"),
}
_DROPPED_WITH_CONTENT = frozenset({"script", "style", "template", "title", "noscript"})
MAX_NESTING = 20


@dataclass
class Node:
    """A tag with children, or plain text when ``tag`` is ""."""

    tag: str
    text: str = ""
    href: str = ""
    children: list[Node] = field(default_factory=list)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Node("root")
        self.open: list[Node] = [self.root]
        self.skipping = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _DROPPED_WITH_CONTENT:
            self.skipping += 1
        name = _TAGS.get(tag)
        if self.skipping or name is None:
            return
        if name == "p":
            # An open paragraph ends where the next begins.
            self._close({"p"})
        node = Node(name, href=(dict(attrs).get("href") or "") if name == "a" else "")
        self.open[-1].children.append(node)
        if name != "br" and len(self.open) < MAX_NESTING:
            self.open.append(node)

    def handle_endtag(self, tag: str) -> None:
        if tag in _DROPPED_WITH_CONTENT:
            self.skipping = max(0, self.skipping - 1)
        elif (name := _TAGS.get(tag)) and not self.skipping:
            self._close({name})

    def handle_data(self, data: str) -> None:
        if self.skipping or not data:
            return
        siblings = self.open[-1].children
        if siblings and not siblings[-1].tag:
            siblings[-1].text += data
        else:
            siblings.append(Node("", text=data))

    def _close(self, names: set[str]) -> None:
        for index in range(len(self.open) - 1, 0, -1):
            if self.open[index].tag in names:
                del self.open[index:]
                return


def richtext_parse(html: str) -> list[Node]:
    """Read HTML into a list of paragraphs and lists; loose text becomes a paragraph."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    blocks: list[Node] = []
    loose: Node | None = None
    for node in reader.root.children:
        if node.tag in {"p", "ul", "ol"}:
            blocks.append(node)
            loose = None
        elif node.tag or node.text.strip():
            if loose is None:
                loose = Node("p")
                blocks.append(loose)
            loose.children.append(node)
    return [block for block in blocks if _says_something(block)]


def _says_something(node: Node) -> bool:
    return bool(node.text.strip()) or any(_says_something(child) for child in node.children)


def richtext_html(nodes: list[Node], *, link_style: str) -> str:
    """Write it for a text component of MJML, Liquid as tokens."""
    last = len(nodes) - 1
    return "".join(
        _block_html(node, link_style, "0" if index == last else "0 0 16px 0")
        for index, node in enumerate(nodes)
    )


def _block_html(node: Node, link_style: str, margin: str) -> str:
    padding = ";padding:0 0 0 24px" if node.tag in {"ul", "ol"} else ""
    inner = _inner_html(node, link_style)
    return f'<{node.tag} style="margin:{margin}{padding}">{inner}</{node.tag}>'


def _inner_html(node: Node, link_style: str) -> str:
    parts = []
    for child in node.children:
        inner = _inner_html(child, link_style)
        if not child.tag:
            parts.append(tokens.text(child.text))
        elif child.tag == "br":
            parts.append("<br />")
        elif child.tag == "a" and child.href:
            parts.append(_link_html(child, inner, link_style))
        elif child.tag == "a":
            parts.append(inner)
        elif child.tag == "li":
            parts.append(f'<li style="margin:0 0 6px 0">{inner}</li>')
        elif child.tag in {"p", "ul", "ol"}:
            parts.append(_block_html(child, link_style, "0"))
        else:
            parts.append(f"<{child.tag}>{inner}</{child.tag}>")
    return "".join(parts)


def _link_html(node: Node, inner: str, link_style: str) -> str:
    """Write a link; when it leads nowhere its words stay and the link does not."""
    href = tokens.attr(node.href)
    link = f'<a href="{href}" target="_blank" style="{link_style}">{inner}</a>'
    when = link_when(node.href)
    # Words with a tag of their own, half an {% if %} perhaps, cannot stand twice.
    if not when or any("{%" in words for _kind, words in richtext_words(node.children)):
        return link
    otherwise, end = tokens.encode("{% else %}"), tokens.encode("{% endif %}")
    return f"{tokens.encode(when)}{link}{otherwise}{inner}{end}"


def richtext_text(nodes: list[Node], wrap: Callable[[str, str], str]) -> str:
    """Write it as plain text; ``wrap(text, indent)`` breaks the lines."""
    return "\n\n".join(filter(None, (_block_text(node, wrap, "") for node in nodes)))


def _block_text(node: Node, wrap: Callable[[str, str], str], indent: str) -> str:
    if node.tag not in {"ul", "ol"}:
        return wrap(_inner_text(node), indent)
    lines = []
    items = (child for child in node.children if child.tag == "li")
    for number, item in enumerate(items, start=1):
        mark = f"{number}. " if node.tag == "ol" else "- "
        nested = [child for child in item.children if child.tag in {"ul", "ol"}]
        flat = Node("li", children=[child for child in item.children if child not in nested])
        inner = indent + " " * len(mark)
        lines.append(indent + mark + wrap(_inner_text(flat), inner).lstrip())
        lines += [_block_text(child, wrap, inner) for child in nested]
    return "\n".join(lines)


def _inner_text(node: Node) -> str:
    parts = []
    for child in node.children:
        inner = _inner_text(child)
        if not child.tag:
            parts.append(child.text)
        elif child.tag == "br":
            parts.append("\n")
        elif child.tag == "a" and child.href and child.href not in {inner, f"mailto:{inner}"}:
            target = f" <{child.href}>"
            when = link_when(child.href)
            parts.append(f"{inner}{when}{target}{'{% endif %}' if when else ''}")
        else:
            parts.append(inner)
    return "".join(parts)


def richtext_words(nodes: list[Node]) -> list[tuple[str, str]]:
    """Return every (kind, string) written by the editor; kind is "text" or "link"."""
    found: list[tuple[str, str]] = []
    for node in nodes:
        if not node.tag:
            found.append(("text", node.text))
        if node.tag == "a" and node.href:
            found.append(("link", node.href))
        found += richtext_words(node.children)
    return found
