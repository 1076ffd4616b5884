"""Commands in advice name the key, for a stream of another database too."""

from __future__ import annotations

import pytest

from tools.sources.records import as_typed

BEFORE = " Type SELECT 3 before: it is another database than the address names."


@pytest.mark.parametrize(
    ("advice", "stream", "typed"),
    [
        pytest.param("Send XACK orders g <id>.", "orders", "Send XACK orders g <id>.", id="the usual database"),
        pytest.param("Send XACK a@db3 g <id>.", "a@db3", f"Send XACK a g <id>.{BEFORE}", id="another database"),
        pytest.param("XGROUP CREATE a@db3 g 0.", "a@db3", f"XGROUP CREATE a g 0.{BEFORE}", id="two words"),
        pytest.param("Look (XLEN a@db3).", "a@db3", f"Look (XLEN a).{BEFORE}", id="in brackets"),
        pytest.param("Give a@db3 a cap.", "a@db3", "Give a@db3 a cap.", id="no command"),
        pytest.param("XLEN a@db31 first.", "a@db3", "XLEN a@db31 first.", id="the beginning of another"),
        pytest.param(r"XLEN a\1@db3 first.", r"a\1@db3", rf"XLEN a\1 first.{BEFORE}", id="escaped"),
    ],
)  # fmt: skip
def test_commands_name_the_key(advice: str, stream: str, typed: str) -> None:
    assert as_typed(advice, stream) == typed
