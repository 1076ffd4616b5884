"""When a message may be called a poison message: only where acknowledgements alone took others off the list."""

from __future__ import annotations

import msgspec
import pytest

from tests.detectors.streams.crafted import entry, found, group, polls, stream, view


@pytest.mark.parametrize(
    ("calls", "late", "poison"),
    [
        ({"xack": 2}, {}, True),
        ({"xackdel": 2, "xreadgroup": 9}, {}, True),
        ({}, {}, False),
        ({"xreadgroup": 9}, {}, False),
        ({"xack": 2, "xgroup|delconsumer": 1}, {}, False),
        ({"xack": 2, "xgroup": 1}, {}, False),
        ({"xack": 2, "xclaim": 1}, {}, False),
        ({"xack": 2, "xautoclaim": 1}, {}, False),
        ({"xack": 2}, {"xautoclaim": 1}, False),
        ({"xreadgroup": 2}, {"xack": 1}, True),
        ({"xack": 2, "xgroup|create": 1}, {}, True),
    ],
)
def test_the_words_depend_on_the_commands(calls: dict[str, int], late: dict[str, int], poison: bool) -> None:
    """Of three pending messages two left the list while the count of the third rose."""
    before = stream("orders", 3, group(pending=[entry(1, 0, 4), entry(2), entry(3)], delivered="9-0"))
    after = stream("orders", 3, group(pending=[entry(1, 0, 5)], delivered="9-0"))
    first, last = polls(before, after, calls=calls)
    last = msgspec.structs.replace(last, late_calls=late)
    (symptom,) = found(view((first, last)), "delivery-failure")
    assert ("poison" in symptom.hypothesis) == poison
    assert ("fails at every delivery" in symptom.title) == poison
    assert ("acknowledged 2 other messages" in symptom.hypothesis) == poison
