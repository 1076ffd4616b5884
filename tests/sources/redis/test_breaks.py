"""Which two polls cannot be compared, and whether something went unseen between them."""

from __future__ import annotations

import msgspec
import pytest

from tools.sources.records import Poll, ServerState
from tools.sources.redis.breaks import between

NOW_MS = 1_750_000_000_000
GAP_MS = 60_000
ONE = ServerState(flavour="valkey", version="9.1", run_id="a", uptime_s=100)


def server(**changes: object) -> ServerState:
    return msgspec.structs.replace(ONE, **changes)


@pytest.mark.parametrize(
    ("before", "after", "times_s", "why", "blind"),
    [
        pytest.param(ONE, ONE, (15, 15), "", False, id="the usual"),
        pytest.param(ONE, ONE, (60, 60), "", False, id="on the limit of a pause"),
        pytest.param(ONE, ONE, (61, 61), "no poll was made for 61 s", True, id="over it"),
        pytest.param(ONE, ONE, (61, None), "no poll was made for 61 s", True, id="over it, another process"),
        pytest.param(ONE, ONE, (20, 15), "", False, id="clocks 5 s apart"),
        pytest.param(ONE, ONE, (21, 15), "set forward by 6 s", False, id="6 s apart"),
        pytest.param(ONE, ONE, (3600, 15), "set forward by 3585 s, or the machine slept", True, id="an hour"),
        pytest.param(ONE, ONE, (-1, None), "set back", False, id="back, another process"),
        pytest.param(ONE, ONE, (-3600, 15), "set back", False, id="back by an hour"),
        pytest.param(ONE, server(run_id="b"), (15, 15), "restarted or replaced", False, id="another run id"),
        pytest.param(ONE, server(role="slave"), (15, 15), "from master to slave", False, id="another role"),
        pytest.param(ONE, server(uptime_s=5), (15, 15), "", False, id="its machine's clock was set"),
        pytest.param(
            server(run_id=""),
            server(run_id="", uptime_s=5),
            (15, 15),
            "restarted",
            False,
            id="no run id, younger",
        ),
        pytest.param(
            server(run_id=""), server(run_id="", uptime_s=115), (15, 15), "", False, id="no run id, older"
        ),
    ],
)
def test_what_breaks_the_line_of_polls(
    before: ServerState, after: ServerState, times_s: tuple[int, int | None], why: str, blind: bool
) -> None:
    wall_s, steady_s = times_s
    previous = Poll(number=1, at_ms=NOW_MS - wall_s * 1000, server=before, streams=())
    found = between(previous, after, NOW_MS, None if steady_s is None else steady_s * 1000, GAP_MS)
    if not why:
        assert found is None
    else:
        assert found is not None
        assert why in found.why
        assert found.blind is blind
