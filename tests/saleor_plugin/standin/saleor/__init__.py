"""The few parts of Saleor the plugin touches, written after 3.23: same names, same calls.

A stand-in: it runs the plugin's tests where there is no Saleor. What it says proves
nothing about Saleor; the same tests run inside a real one when SALEOR_HOME names it.
"""

from __future__ import annotations

__version__ = "3.23.28"
