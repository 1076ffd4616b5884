"""One stream under two spellings: when that loses messages, when it is only untidy, and what is no such thing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.detectors.config.cases import Case, check
from tools.detectors.config import naming_inconsistency
from tools.detectors.config.names import meant, normal

WRITES = "await redis.xadd('orders:placed', '*', 'id', '1');\n"
READS = "await redis.xreadgroup('GROUP', 'desk', 'c1', 'STREAMS', 'order.placed', '>');\n"
BOTH = WRITES + "await redis.xreadgroup('GROUP', 'desk', 'c1', 'STREAMS', 'orders:placed', '>');\n"
NAMING = {
    "one written, the other read": Case({"a.ts": WRITES, "b.ts": READS}, [("HIGH", "orders:placed")]),
    "across languages": Case(
        {"a.ts": WRITES, "b.py": 'r.xreadgroup("desk", "c", {"orders_placed": ">"})'}, [("HIGH", "orders_placed")]
    ),
    "the server has only the one": Case(
        {"a.ts": WRITES, "b.ts": READS}, [("HIGH", "orders:placed")], now={"orders:placed": {}}
    ),
    "somebody outside writes the other": Case(
        {"a.ts": WRITES, "b.ts": READS}, [("LOW", "orders:placed")], now={"orders:placed": {}, "order.placed": {"desk": 1}}
    ),
    "somebody outside reads the first": Case(
        {"a.ts": WRITES, "b.ts": READS}, [("LOW", "orders:placed")], now={"orders:placed": {"theirs": 1}}
    ),
    "both are written and read": Case({"a.ts": BOTH, "b.ts": READS}, [("LOW", "orders:placed")]),
    "an unresolved writer may be it": Case(
        {"a.ts": WRITES, "b.ts": READS + "function f(s) { redis.xadd(s, '*', 'id', '1'); }\n"}, [("LOW", "orders:placed")]
    ),
    "an unresolved reader may be it": Case(
        {"a.ts": WRITES, "b.ts": READS + "function f(s) { redis.xreadgroup('GROUP', 'd', 'c', 'STREAMS', s, '>'); }\n"},
        [("LOW", "orders:placed")],
    ),
    "one spelling": Case({"a.ts": BOTH, "b.ts": BOTH}),
    "other words": Case({"a.ts": WRITES, "b.ts": READS.replace("order.placed", "orders.paid")}),
    "another number": Case({"a.ts": WRITES, "b.ts": READS.replace("order.placed", "orders:placed:2")}),
    "another prefix": Case({"a.ts": WRITES, "b.ts": READS.replace("order.placed", "eu:orders:placed")}),
    "one call takes both, to move them": Case(
        {"a.py": 'for s in ("orders:placed", "order.placed"):\n    r.xreadgroup("desk", "c", {s: ">"})\n'}
    ),
    "a name in a comment": Case({"a.ts": WRITES + "// order.placed was its name before\n"}),
    "silenced": Case(
        {"a.ts": WRITES, "b.ts": READS.replace("\n", " // streamgauge-ignore config.naming-inconsistency a bridge renames\n")}
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", NAMING.values(), ids=NAMING.keys())
def test_spellings(case: Case, tmp_path: Path) -> None:
    check(naming_inconsistency, case, tmp_path)


@pytest.mark.parametrize(
    "name", ["orders:placed", "ORDERS_PLACED", "OrderPlaced", "order-placed", "order.placed"]
)
def test_spellings_of_one_name_have_the_same_words(name: str) -> None:
    assert normal(name) == ("order", "placed")


@pytest.mark.parametrize("name", ["orders:placed:v2", "placed:orders", "orders:{}", "reorders:placed"])
def test_other_names_have_other_words(name: str) -> None:
    assert normal(name) != ("order", "placed")


def test_the_name_that_was_meant_is_the_one_with_the_same_words_else_the_nearest() -> None:
    names = ["orders.placed", "orders:placed2", "bills"]
    assert [meant(name, names) for name in ("orders:placed", "bill", "else")] == [
        "orders.placed",
        "bills",
        None,
    ]
