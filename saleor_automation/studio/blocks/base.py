"""What every email block can do: become part of a document, and show itself.

Knows Wagtail's block previews. Must not know MJML.
"""

from __future__ import annotations

from typing import Any

from saleor_automation.rendering import document

__all__ = ["EmailBlock"]


class EmailBlock:
    """Mix into a Wagtail block to make it one of an email's.

    Another app's block returns one of ``rendering.document``'s values, too.
    """

    def document(self, value: Any, block_id: str) -> document.Block:
        """Return the value as the compiler wants it."""
        raise NotImplementedError

    def get_preview_template(self, value: Any, context: Any = None) -> str:
        return "saleor_automation/studio/preview_block.html"

    def get_preview_context(self, value: Any, parent_context: Any = None) -> dict[str, Any]:
        # Imported here: models are loaded before the compiler is needed.
        from saleor_automation.studio.previews import block_preview

        html = block_preview(self.document(value, "preview"))
        return {**(parent_context or {}), "html": html}
