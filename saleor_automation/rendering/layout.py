"""How a mail looks: blocks to MJML.

Knows MJML, spacing and type. Must not know mrml or Liquid's meaning. Every value
that is not a literal of this module goes through ``tokens``; Liquid tags stand only
inside text, table and raw components, which mrml leaves alone for every mail program.
"""

from __future__ import annotations

from .document import Block, Button, Divider, Document, Footer, Heading, Image, Items, Style, Text
from .links import link_normalise, link_when
from .phrases import phrase, right_to_left
from .richtext import Node, richtext_html, richtext_parse
from .tokens import attr, encode, text

__all__ = ["LAYOUT", "layout_mjml"]

#: Raise it when the look changes: it is stored with each compiled email.
LAYOUT = 4
#: Width of text in pixels: 600 less 40 on both sides.
CONTENT_WIDTH = 520
#: After the preheader, so that mail programs do not go on with the mail's first words.
_FILLER = "&#847;&#8204;&#160;" * 60
_CSS = """
a { text-decoration: underline; }
@media only screen and (max-width: 479px) {
  .sa-pad { padding-left: 24px !important; padding-right: 24px !important; }
  .sa-button table { width: 100% !important; }
  .sa-button a { display: block !important; }
  .sa-h1 { font-size: 26px !important; }
}
"""


def layout_mjml(document: Document, style: Style) -> str:
    """Return the MJML of a document, dynamic values as tokens."""
    direction = "rtl" if right_to_left(document.language) else "ltr"
    side = "right" if direction == "rtl" else "left"
    painter = _Painter(style, document.language, side)
    # The page's direction is not enough: sections and columns set their own.
    turned = (
        '<mj-section direction="rtl" /><mj-column direction="rtl" />' if side == "right" else ""
    )
    footers = [block for block in document.blocks if isinstance(block, Footer)]
    body = [block for block in document.blocks if not isinstance(block, Footer)]
    preview = (
        f"<mj-preview>{text(document.preheader)} {_FILLER}</mj-preview>"
        if document.preheader.strip()
        else ""
    )
    return (
        f'<mjml lang="{attr(document.language)}" dir="{direction}"><mj-head>'
        f"<mj-title>{attr(document.subject)}</mj-title>{preview}"
        '<mj-raw><meta name="color-scheme" content="light" />'
        '<meta name="supported-color-schemes" content="light" />'
        '<meta name="format-detection" content="telephone=no,date=no,address=no" /></mj-raw>'
        f"<mj-attributes>{painter.defaults()}{turned}</mj-attributes><mj-style>{_CSS}</mj-style></mj-head>"
        f'<mj-body background-color="{painter.background}" width="600px">'
        f'<mj-section padding="32px 0 20px 0"><mj-column>{painter.header()}</mj-column>'
        "</mj-section>"
        f'<mj-section background-color="{painter.card}" border-radius="12px" '
        f'padding="40px 0 16px 0"><mj-column>'
        f"{''.join(painter.block(block) for block in body)}</mj-column></mj-section>"
        f'<mj-section padding="24px 0 40px 0"><mj-column>{painter.footer(footers)}</mj-column>'
        "</mj-section></mj-body></mjml>"
    )


_ELSE, _END = encode("{% else %}"), encode("{% endif %}")
# One token: it holds no colour of the document and its link is there only when the
# brand has a website, which well-formed MJML cannot say.
_HEADER = encode(
    "{% if shop.url != blank %}"
    '<a href="{{ shop.url }}" target="_blank" style="color:inherit;text-decoration:none">'
    "{% endif %}{% if shop.logo_url != blank %}"
    '<img src="{{ shop.logo_url }}" alt="{{ shop.name }}" height="44" '
    'style="display:inline-block;height:44px;width:auto;max-width:240px" />'
    "{% else %}{{ shop.name }}{% endif %}{% if shop.url != blank %}</a>{% endif %}"
)


def _out(path: str) -> str:
    return encode("{{ " + path + " }}")


def _when(path: str) -> str:
    return encode("{% if " + path + " != blank %}")


def _raw(tag: str) -> str:
    """Return a Liquid tag that stands between the blocks of a column."""
    return f"<mj-raw>{encode(tag)}</mj-raw>"


class _Painter:
    """One document's colours and language, as tokens."""

    def __init__(self, style: Style, language: str, side: str) -> None:
        self.language = language
        self.side = side
        self.other_side = "left" if side == "right" else "right"
        self.primary = attr(style.color_primary)
        self.on_primary = attr(style.color_on_primary)
        self.ink = attr(style.color_text)
        self.background = attr(style.color_background)
        self.font = attr(style.font_family)
        self.card = attr(style.color_card)
        self.muted = attr(style.color_muted)
        self.line = attr(style.color_line)
        self.tile = attr(style.color_tile)

    def defaults(self) -> str:
        return (
            f'<mj-all font-family="{self.font}" />'
            f'<mj-text color="{self.ink}" font-size="16px" line-height="26px" '
            f'align="{self.side}" padding="0 40px 24px 40px" css-class="sa-pad" />'
            f'<mj-table color="{self.ink}" font-size="16px" line-height="24px" '
            'padding="0 40px 24px 40px" css-class="sa-pad" />'
        )

    def header(self) -> str:
        return (
            '<mj-text align="center" font-size="22px" line-height="30px" font-weight="700" '
            f'letter-spacing="0.3px" padding="0 24px">{_HEADER}</mj-text>'
        )

    def block(self, block: Block) -> str:
        match block:
            case Heading():
                return self.heading(block)
            case Text(html=html):
                return f"<mj-text>{self.rich(html)}</mj-text>"
            case Image():
                return self.image(block)
            case Button():
                return self.button(block)
            case Items():
                return self.items(block)
            case Divider():
                return (
                    f'<mj-divider border-width="1px" border-color="{self.line}" '
                    'padding="4px 40px 28px 40px" css-class="sa-pad" />'
                )
            case Footer():
                return ""

    def heading(self, block: Heading) -> str:
        tag, size, height = ("h1", 30, 38) if block.large else ("h2", 20, 28)
        css = ' class="sa-h1"' if block.large else ""
        return (
            f'<mj-text font-size="{size}px" line-height="{height}px" font-weight="700" '
            f'padding="0 40px {"20" if block.large else "12"}px 40px"><{tag}{css} style="margin:0;'
            f'font-size:{size}px;line-height:{height / size:.2f};font-weight:700">'
            f"{text(block.text)}</{tag}></mj-text>"
        )

    def rich(self, html: str, *, color: str = "") -> str:
        nodes = _with_links(richtext_parse(html))
        return richtext_html(nodes, link_style=f"color:{color or self.primary}")

    def image(self, block: Image) -> str:
        width = min(block.width or CONTENT_WIDTH, CONTENT_WIDTH)
        target = link_normalise(block.link)

        def picture(link: str) -> str:
            return (
                f'<mj-image src="{attr(block.src)}" alt="{attr(block.alt)}" width="{width}px"'
                f'{link} border-radius="8px" padding="4px 40px 28px 40px" css-class="sa-pad" />'
            )

        linked = picture(f' href="{attr(target)}"' if target else "")
        if when := link_when(target):
            return f"{_raw(when)}{linked}{_raw('{% else %}')}{picture('')}{_raw('{% endif %}')}"
        return linked

    def button(self, block: Button) -> str:
        target = link_normalise(block.link)
        button = (
            f'<mj-button href="{attr(target)}" align="{self.side}" '
            f'background-color="{self.primary}" color="{self.on_primary}" border-radius="8px" '
            'font-size="16px" font-weight="700" line-height="24px" inner-padding="14px 28px" '
            'padding="4px 40px 32px 40px" css-class="sa-pad sa-button">'
            f"{text(block.label)}</mj-button>"
        )
        # A button that leads nowhere is worse than none.
        when = link_when(target)
        return f"{_raw(when)}{button}{_raw('{% endif %}')}" if when else button

    def items(self, block: Items) -> str:
        """One row per line: compiled once, the loop runs for each recipient."""
        rows = f"<tr>{self.picture() if block.show_images else ''}{self.line_cells()}</tr>"
        loop = encode("{% for line in " + block.source + ".lines %}")
        total = self.total(block) if block.show_total else ""
        gone = self.sold_out(block) if block.source == "basket" else ""
        return f"<mj-table>{loop}{rows}{encode('{% endfor %}')}{gone}{total}</mj-table>"

    def sold_out(self, block: Items) -> str:
        """Name what was in the basket and cannot be bought: whoever comes back looks for it."""
        words = text(phrase("sold_out", self.language))
        return (
            f"{_when('basket.sold_out')}"
            f'<tr><td colspan="{3 if block.show_images else 2}" align="{self.side}" '
            f'style="{self.cell};text-align:{self.side};color:{self.muted};font-size:14px">'
            f"{words}: {_out('basket.sold_out')}</td></tr>{_END}"
        )

    @property
    def cell(self) -> str:
        return f"border-bottom:1px solid {self.line};padding:16px 0;vertical-align:top"

    def picture(self) -> str:
        return (
            f'<td width="72" style="{self.cell};padding-{self.other_side}:16px;width:72px">'
            f"{_when('line.image_url')}"
            f'<img src="{_out("line.image_url")}" alt="{_out("line.name")}" width="72" '
            'style="display:block;width:72px;height:auto;border-radius:8px" />'
            f'{_ELSE}<div style="width:72px;height:72px;border-radius:8px;'
            f'background-color:{self.tile}"></div>{_END}</td>'
        )

    def line_cells(self) -> str:
        small = f'<br /><span style="color:{self.muted};font-size:14px">'
        quantity = text(phrase("quantity", self.language))
        left = text(phrase("left", self.language))
        return (
            f'<td align="{self.side}" style="{self.cell};text-align:{self.side}">'
            f"<strong>{_out('line.name')}</strong>"
            f"{_when('line.variant')}{small}{_out('line.variant')}</span>{_END}"
            f"{small}{quantity}: {_out('line.quantity')}"
            # Of what can still be had, though fewer than wanted.
            f"{_when('line.left')} · {left}: {_out('line.left')}{_END}</span></td>"
            f'<td align="{self.other_side}" style="{self.cell};padding-{self.side}:12px;'
            f'text-align:{self.other_side};white-space:nowrap">{_out("line.price")}</td>'
        )

    def total(self, block: Items) -> str:
        style = "padding:16px 0 0 0;font-weight:700"
        return (
            f"{_when(block.source + '.lines')}"
            f'<tr><td colspan="{2 if block.show_images else 1}" align="{self.side}" '
            f'style="{style};text-align:{self.side}">{text(phrase("total", self.language))}</td>'
            f'<td align="{self.other_side}" style="{style};text-align:{self.other_side};'
            f'white-space:nowrap">{_out(block.source + ".total")}</td></tr>{_END}'
        )

    def footer(self, footers: list[Footer]) -> str:
        own = [self.rich(footer.html, color=self.muted) for footer in footers]
        words = "".join(f"{html}<br />" for html in own if html)
        links = "".join(self.footer_link(name) for name in ("unsubscribe", "preferences", "view"))
        return (
            f'<mj-text align="center" color="{self.muted}" font-size="13px" line-height="20px" '
            f'padding="0 40px">{words}<strong>{_out("shop.name")}</strong>'
            f"{_when('shop.postal_address')}<br />"
            f"{_out('shop.postal_address | newline_to_br')}{_END}<br /><br />{links}</mj-text>"
        )

    def footer_link(self, name: str) -> str:
        return (
            f'{_when(f"links.{name}")}<a href="{_out(f"links.{name}")}" target="_blank" '
            f'style="color:{self.muted};text-decoration:underline;padding:0 8px">'
            f"{text(phrase(name, self.language))}</a> {_END}"
        )


def _with_links(nodes: list[Node]) -> list[Node]:
    for node in nodes:
        node.href = link_normalise(node.href)
        _with_links(node.children)
    return nodes
