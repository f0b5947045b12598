"""The Studio inside Saleor's Dashboard: its page, boxes beside people, the way to the editor."""
