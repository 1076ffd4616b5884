"""What is folded poll by poll from the journal is what all polls together say."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tools.detectors.ledger.book import LedgerBook
from tools.errors import JournalCorrupt
from tools.sources.records import (
    ConsumerInfo,
    GroupInfo,
    GroupState,
    Lag,
    PendingEntry,
    Poll,
    ServerState,
    StreamInfo,
    StreamState,
)
from tools.sources.redis.idling import aged_state
from tools.sources.redis.poll_steps import PollSteps
from tools.sources.redis.polls import PollJournal, read_costs, read_polls
from tools.synthesis import topology
from tools.synthesis.flows.server import ServerStory
from tools.synthesis.poll_digest import Folded, PollDigest

START_MS = 1_750_000_000_000
SERVER = ServerState(flavour="valkey", version="9.1.2", role="master", run_id="a")
_STREAMS = ("a", "b", "c")
_MOVES = ("stands", "idles", "adds", "reads", "acknowledges", "trims", "goes", "is made anew")
moves = st.lists(
    st.tuples(
        st.tuples(*(st.sampled_from(_MOVES) for _ in _STREAMS)),
        st.sampled_from(["", "", "", "after a gap", "setid", "clock set back", "restart"]),
    ),
    min_size=1,
    max_size=12,
)


def new(name: str, at: int) -> StreamState:
    info = StreamInfo(length=0, last_generated_id="0-0", max_deleted_entry_id="0-0", entries_added=0)
    group = GroupInfo(name="g", consumers=1, pending=0, last_delivered_id="0-0", entries_read=0, lag=0)
    known = GroupState(
        info=group,
        lag=Lag(messages=0, source="server"),
        consumers=(ConsumerInfo(name="c", pending=0, idle=at, inactive=-1),),
    )
    return StreamState(name=name, info=info, groups=(known,))


def moved(state: StreamState, move: str, at: int) -> StreamState | None:
    """The stream after one more poll; `at` makes ids and figures differ from poll to poll."""
    info, group = state.info, state.groups[0]
    older = aged_state(state, 1_000)
    if move in {"goes", "idles"}:
        return None if move == "goes" else aged_state(state, 1_000 + at)
    if move == "adds":
        last, count = f"{START_MS + at}-0", (info.entries_added or 0) + 1
        info = replace(
            info,
            length=info.length + 1,
            first_entry_id=info.first_entry_id or last,
            last_entry_id=last,
            last_generated_id=last,
            entries_added=count,
        )
        lag = Lag(messages=count - (group.info.entries_read or 0), source="server")
        return replace(older, info=info, groups=(replace(older.groups[0], lag=lag),))
    if move == "reads" and info.last_entry_id not in {None, group.info.last_delivered_id}:
        entry = PendingEntry(id=info.last_entry_id or "", consumer="c", idle=at, deliveries=1)
        read = replace(
            group.info,
            last_delivered_id=entry.id,
            entries_read=info.entries_added,
            pending=len(group.pending) + 1,
        )
        now = replace(
            older.groups[0],
            info=read,
            lag=Lag(messages=0, source="server"),
            pending=(*older.groups[0].pending, entry),
            pending_complete=at % 3 > 0,
        )
        return replace(older, groups=(now,))
    if move == "acknowledges" and group.pending:
        left = older.groups[0].pending[1:]
        now = replace(older.groups[0], info=replace(group.info, pending=len(left)), pending=left)
        return replace(older, groups=(now,))
    if move == "trims" and info.length:
        return replace(older, info=replace(info, length=0, first_entry_id=None, last_entry_id=None))
    return new(state.name, at) if move == "is made anew" else older


def told(history: list[tuple[tuple[str, ...], str]]) -> list[Poll]:
    known: dict[str, StreamState | None] = {name: new(name, 5) for name in _STREAMS}
    polls = []
    at_ms = START_MS
    for number, (steps, event) in enumerate(history, start=1):
        for name, move in zip(_STREAMS, steps, strict=True):
            state = known[name]
            known[name] = new(name, number) if state is None else moved(state, move, number)
        at_ms += -5_000 if event == "clock set back" else 1_000
        there = [state for state in known.values() if state is not None]
        polls.append(
            Poll(
                number=number,
                at_ms=at_ms,
                until_ms=at_ms,
                server=SERVER,
                streams=tuple(there),
                calls={"xgroup|setid": 1} if event == "setid" else {"xadd": 1},
                after_gap=event == "after a gap",
            )
        )
    return polls


def written(path: Path, polls: list[Poll], history: list[tuple[tuple[str, ...], str]]) -> None:
    journal = PollJournal(path)
    for poll, (_, event) in zip(polls, history, strict=True):
        if event == "restart":
            journal.close()
            journal = PollJournal(path)
        journal.append(poll)
    journal.close()


@settings(max_examples=100, deadline=None)
@given(moves)
def test_steps_and_digest_say_what_the_polls_say(history: list[tuple[tuple[str, ...], str]]) -> None:
    polls = told(history)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "polls.jsonl"
        written(path, polls, history)
        assert list(read_polls(path)) == polls
        assert list(read_costs(path)) == [poll.cost for poll in polls]
        steps, before = PollSteps(path), dict[str, StreamState]()
        for poll, step in zip(polls, steps, strict=True):
            assert steps.whole() == poll
            now = {state.name: state for state in poll.streams}
            assert {state.name: state for state in step.changed}.items() <= now.items()
            assert step.before.items() <= before.items()
            assert before.keys() - now.keys() <= step.before.keys()
            before = now
        digest = PollDigest(polls[0])
        digest.read(PollSteps(path))
    end_ms = polls[-1].at_ms + 1_000
    digest.end(digest.final, end_ms, 1_000)
    assert digest.final == polls[-1]
    assert digest.ledger.get().ledger() == LedgerBook((polls[0], *polls)).ledger()
    assert vars(digest.story.get()) == vars(ServerStory(polls, end_ms, 1_000, digest.story.get().judgement))
    map_of_all = topology.build(polls, None, ())
    assert topology.build(digest.recent(), None, (), baseline=digest.first) == map_of_all


def test_a_fold_that_fails_is_told_to_who_wants_it_alone() -> None:
    folded = Folded([1])
    folded.feed(lambda numbers: numbers.append(2))
    folded.feed(lambda numbers: numbers.remove(7))
    folded.feed(lambda numbers: numbers.append(3))
    with pytest.raises(ValueError, match="not in list"):
        folded.get()


@pytest.mark.parametrize("other", ["stands", "goes"])
def test_before_a_damaged_poll_the_last_whole_one_is_told_as_it_was(tmp_path: Path, other: str) -> None:
    history: list[tuple[tuple[str, ...], str]] = [
        (("stands", "stands", "stands"), ""),
        (("idles", other, "adds"), ""),
    ]
    path, polls = tmp_path / "polls.jsonl", told(history)
    written(path, polls, history)
    whole = path.read_bytes()
    damaged = re.sub(rb'"ms":\[[^\]]*\]', b'"ms":[1]', whole)
    assert damaged != whole
    path.write_bytes(damaged)
    digest = PollDigest()
    with pytest.raises(JournalCorrupt, match="poll 2"):
        digest.read(PollSteps(path))
    assert digest.final == polls[0]
