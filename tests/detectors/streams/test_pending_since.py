"""Since when a message is pending, where a look takes long: a second look sees what came after the poll began."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from tests.detectors.streams.crafted import at, entry, group, polls, severities, stream, view
from tools.detectors.pending_since import PendingSince


@pytest.mark.parametrize(("took_ms", "told"), [(0, ["HIGH"]), (14_000, ["HIGH"]), (16_000, [])])
@pytest.mark.parametrize("kept", [True, False], ids=["kept", "from the last polls"])
def test_a_message_is_as_old_as_the_look_that_saw_it_first_can_tell(
    took_ms: int, told: list[str], kept: bool
) -> None:
    """Claimed again and again, so its idle time says nothing; seen for 45 s less what the first look took."""
    first, *others = polls(*(stream("orders", 9, group(pending=[entry(1, 1)])),) * 4)
    first = msgspec.structs.replace(first, until_ms=first.at_ms + took_ms if took_ms else 0)
    history = (first, *others)
    since = PendingSince(history)
    assert since.of("orders", "workers") == {entry(1).id: at(1) + took_ms}
    seen = replace(view(history), pending_since=since if kept else None)
    assert severities(seen, "stuck-message") == told
