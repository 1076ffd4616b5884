"""Which records of consumers may be called gone, and which may be told to be removed."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest

from tests.detectors.streams.crafted import (
    REDIS_6,
    VALKEY,
    blocked,
    consumer,
    found,
    group,
    polls,
    stream,
    view,
)
from tools.detectors.contract import StreamView
from tools.findings.rule import Symptom
from tools.sources.records import ClientState


def seen(
    *,
    tells: bool = True,
    clients: tuple[ClientState, ...] | None = (),
    calls: Sequence[dict[str, int]] = ({}, {"xadd": 1}),
    late: dict[str, int] | None = None,
) -> StreamView:
    """One consumer that works and 25 records unseen for an hour; `tells`: whether attempts to read are told (7.2)."""
    inactive = 0 if tells else None
    consumers = [consumer("alive", 1, inactive), *(consumer(f"w{n}", 3601, inactive) for n in range(25))]
    state = stream("orders", 9, group(consumers=consumers))
    made = polls(*(state for _ in calls), server=VALKEY if tells else REDIS_6, clients=clients)
    history = [msgspec.structs.replace(poll, calls=sent) for poll, sent in zip(made, calls, strict=True)]
    history[-1] = msgspec.structs.replace(history[-1], late_calls=late or {})
    return view(tuple(history))


def leak(seen_by: StreamView) -> Symptom:
    (symptom,) = found(seen_by, "consumer-leak")
    return symptom


@pytest.mark.parametrize(
    "hidden",
    [
        pytest.param(seen(clients=None), id="clients not known"),
        pytest.param(seen(tells=False, clients=None), id="clients not known, before 7.2"),
        pytest.param(seen(tells=False, calls=({}, {"xreadgroup": 9})), id="somebody asks"),
        pytest.param(seen(tells=False, late={"xreadgroup": 1}), id="somebody asks as we look"),
        pytest.param(seen(tells=False, calls=({}, {})), id="commands not known"),
        pytest.param(seen(tells=False, calls=({},)), id="one look only"),
    ],
)
def test_nothing_is_said_where_live_workers_may_look_like_that(hidden: StreamView) -> None:
    assert found(hidden, "consumer-leak") == []


def test_records_that_cannot_be_live_are_named_for_removal() -> None:
    symptom = leak(seen(calls=({}, {"xreadgroup": 9})))
    assert "XGROUP DELCONSUMER orders workers" in symptom.recommendation
    assert symptom.confidence == 0.9


@pytest.mark.parametrize(
    "unsure",
    [
        pytest.param(seen(clients=(blocked(),)), id="a reader waits, whoever it is"),
        pytest.param(seen(tells=False), id="before 7.2"),
    ],
)
def test_no_record_is_named_for_removal_that_may_be_live(unsure: StreamView) -> None:
    symptom = leak(unsure)
    assert "DELCONSUMER" not in symptom.recommendation
    assert "w0" not in symptom.recommendation
    assert symptom.confidence == 0.6


def test_records_too_many_to_be_read_are_not_said_to_be_dead() -> None:
    symptom = leak(view(polls(stream("orders", 9, group(consumers=None, registered=1001)))))
    assert "No group" not in symptom.hypothesis
    assert "DELCONSUMER" not in symptom.recommendation
