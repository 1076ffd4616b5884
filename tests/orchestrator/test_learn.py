"""Proposals of [[expect]]: only for what stays, only where an entry can be about it, as TOML that is valid."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from typing import Any

import pytest
from msgspec import structs

from orchestrator.config.model import Config
from orchestrator.learn import proposals, series_of, toml
from tests.synthesis.test_sessions import known, session
from tools.synthesis.sessions.record import SessionRecord

HOSTILE = 'a"b\\c\n[x]*\x1b[31m\u202e'


def nights(count: int, **finding: Any) -> list[SessionRecord]:
    plain: dict[str, Any] = {"rule": "stream.unbounded", "level": "MEDIUM", "streams": ("audit",)}
    return [session(known(1, session_id=f"s{at}", **plain | finding), at=at) for at in range(count, 0, -1)]


def test_what_stays_is_proposed_with_its_ground() -> None:
    (proposal,) = proposals(nights(4))
    assert list(toml(proposal, 4)) == [
        "# In 4 of the last 4 complete sessions, s1 to s4:",
        "# RSA-001 MEDIUM stream.unbounded: trouble 1",
        "[[expect]]",
        'stream = "audit"',
        "unbounded_ok = true",
        'reason = ""  # why it is meant; without a reason, mend it instead',
    ]


def test_a_family_of_streams_is_proposed_as_one_whatever_members_each_session_saw() -> None:
    carts = [
        structs.replace(record, findings=(structs.replace(record.findings[0], streams=(name,)),))
        for record, name in zip(nights(3), ("cart:17", "cart:{}", "cart:18"), strict=True)
    ]
    (proposal,) = proposals(carts)
    (entry,) = Config.model_validate(tomllib.loads("\n".join(toml(proposal, 3)))).expect
    assert entry.stream == "cart:*[0-9]*"
    matched = [
        name for name in ("cart:17", "cart:0f3a91bc", "cart:all", "carts") if entry.matches(stream=name)
    ]
    assert matched == ["cart:17", "cart:0f3a91bc"]


@pytest.mark.parametrize(
    "sessions",
    [
        pytest.param(nights(2), id="too few sessions"),
        pytest.param([session(at=9), *nights(5)], id="it is gone"),
        pytest.param(nights(4, level="CRITICAL"), id="critical"),
        pytest.param(nights(4, rule="stream.consumer-lag"), id="no entry could say it"),
        pytest.param([*nights(12)[:3], *(session(at=at) for at in range(9, 0, -1))], id="it came lately"),
    ],
)
def test_what_is_not_proposed(sessions: list[SessionRecord]) -> None:
    assert list(proposals(sessions)) == []


@pytest.mark.parametrize(
    "finding",
    [
        pytest.param({"streams": (HOSTILE,)}, id="stream"),
        pytest.param({"rule": "stream.silent-loss", "streams": (HOSTILE,), "group": HOSTILE}, id="group"),
        pytest.param({"rule": "log.silence", "services": (HOSTILE,)}, id="service"),
    ],
)
def test_hostile_names_are_valid_toml_and_match_themselves_alone(finding: dict[str, Any]) -> None:
    (proposal,) = proposals(nights(3, title=HOSTILE, **finding))
    text = "\n".join(toml(proposal, 3))
    assert "\x1b" not in text
    (entry,) = Config.model_validate(tomllib.loads(text)).expect
    names = dict(proposal.names)
    assert entry.matches(**names)
    assert not entry.matches(**{key: f"{name}x" for key, name in names.items()})


def test_what_a_record_calls_an_id_ends_no_comment() -> None:
    hostile = "RSA-001\n[redis]\nurl = 'redis://other'"
    (proposal,) = proposals(nights(3))
    seen = tuple(
        structs.replace(it, finding_id=hostile, level=hostile, rule_id=hostile) for it in proposal.seen
    )
    text = "\n".join(toml(replace(proposal, seen=seen), 3))
    assert list(tomllib.loads(text)) == ["expect"]


def test_only_complete_sessions_of_the_newest_ones_kind_count() -> None:
    other = session(at=5, mode="static")
    broken = session(at=4, incomplete="it failed")
    assert [record.session_id for record in series_of([session(at=6), other, broken, session(at=3)])] == [
        "s6",
        "s3",
    ]
