"""How fast the product is, measured: ``python -m benchmarks`` (see ``--help``).

Every ratio compares two things measured in one run on one machine. Nothing here is
shipped, and nothing in the product imports it.
"""
