"""Ends by an error that nothing catches, and leaves the trace that Python prints of it: `uncaught.py KEY`."""

from __future__ import annotations

import sys

PRICES: dict[str, int] = {}


def price(zone: str) -> int:
    """The price of a zone; there is none."""
    return PRICES[zone]


if __name__ == "__main__":
    price(sys.argv[1])
