"""How far a group got at its last read, and what that says about entries that wait."""

from __future__ import annotations

import pytest

from tools.sources.redis.reach import Reach

T = 1_750_000_000_000


@pytest.mark.parametrize(
    ("delivered", "waiting", "newest", "left"),
    [
        pytest.param(f"{T - 5}-0", f"{T}-0", f"{T + 900}-0", False, id="all that waits came with the read or after it"),
        pytest.param(f"{T - 5}-0", f"{T - 1}-0", f"{T + 900}-0", True, id="one was there and was not taken"),
        pytest.param(f"{T - 5}-0", f"{T - 90}-0", f"{T - 5}-0", False, id="a read took all that was seen to wait"),
        pytest.param(f"{T - 5}-0", f"{T - 90}-0", f"{T + 9}-0", True, id="a read took a part of what was seen to wait"),
        pytest.param(f"{T - 5}-0", "7-0", "9-0", False, id="ids that are no times and lie behind"),
        pytest.param("5-0", "7-0", "9-0", True, id="ids that are no times"),
    ],
)  # fmt: skip
def test_a_reader_in_batches_is_told_from_one_that_leaves_entries(
    delivered: str, waiting: str, newest: str, left: bool
) -> None:
    assert Reach(delivered, T).left_behind(waiting, newest) is left


def test_the_age_of_the_last_entry_is_never_negative() -> None:
    assert [Reach(f"{T - 7}-0", T).age_ms, Reach(f"{T + 7}-0", T).age_ms] == [7, 0]
