"""E-mail automation for Saleor.

This package is imported inside Saleor's own process, so this module knows the
version and must import nothing.
"""

__version__ = "0.1.0"
