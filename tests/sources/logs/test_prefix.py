"""Merged output told apart by its prefixes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.sources.logs.prefix import Demultiplexer

FORMS = {
    "compose": ("orders-1    | ready", "orders", "ready"),
    "compose-plain": ("orders  | ready", "orders", "ready"),
    "foreman": ("12:00:01 orders.1 | ready", "orders", "ready"),
    "concurrently": ("[orders] ready", "orders", "ready"),
    "turbo": ("orders:dev: ready", "orders", "ready"),
    "pnpm": ("orders dev: ready", "orders", "ready"),
    "lerna": ("@acme/orders: ready", "@acme/orders", "ready"),
    "pm2": ("0|orders  | ready", "orders", "ready"),
    "coloured": ("\x1b[36morders   |\x1b[0m ready", "orders", "ready"),
    "keeps-indent": ("[orders]     at f (/a.js:1:2)", "orders", "    at f (/a.js:1:2)"),
    "empty": ("orders   | ", "orders", ""),
}


@pytest.mark.parametrize(
    ("line", "service", "text"), [pytest.param(*case, id=name) for name, case in FORMS.items()]
)
def test_a_prefix_counts_when_it_comes_again(line: str, service: str, text: str) -> None:
    demultiplexer = Demultiplexer()
    assert demultiplexer.feed(line) == (None, line)
    assert demultiplexer.feed(line) == (service, text)


def test_an_expected_name_counts_at_once() -> None:
    assert Demultiplexer(["orders"]).feed("orders | up") == ("orders", "up")


def test_a_second_name_in_the_same_column_counts_at_once() -> None:
    demultiplexer = Demultiplexer()
    demultiplexer.feed("orders    | up")
    assert demultiplexer.feed("payments  | up") == ("payments", "up")
    assert demultiplexer.feed("total | 12") == (None, "total | 12")


@pytest.mark.parametrize(
    "line", ["[ERROR] bad", "[INFO] x", "plain text", "12 | 13", '{"a": 1}', "", "[2025-06-15] x"]
)
def test_levels_numbers_and_prose_are_no_names(line: str) -> None:
    demultiplexer = Demultiplexer()
    assert [demultiplexer.feed(line) for _ in range(3)] == [(None, line)] * 3


@given(st.lists(st.text(max_size=40), max_size=10))
def test_any_text_passes(lines: list[str]) -> None:
    demultiplexer = Demultiplexer()
    for line in lines:
        service, text = demultiplexer.feed(line)
        assert service is None or text in line or "\x1b" in line
