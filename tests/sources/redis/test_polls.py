"""The journal of polls: what is written is read back, whole polls only, and quotes stand in it byte for byte."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.errors import JournalCorrupt
from tools.sources.records import (
    ClientState,
    ConsumerInfo,
    EntryShape,
    GroupInfo,
    GroupState,
    Lag,
    PendingEntry,
    Poll,
    PollCost,
    ServerState,
    StreamInfo,
    StreamState,
)
from tools.sources.redis import polls

SERVER = ServerState(flavour="valkey", version="9.1.2", run_id="a")
names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
ids = st.builds(lambda ms, seq: f"{ms}-{seq}", st.integers(0, 2**48), st.integers(0, 9))
small = st.integers(0, 10**6)
groups = st.builds(
    GroupState,
    info=st.builds(GroupInfo, name=names, consumers=small, pending=small, last_delivered_id=ids),
    lag=st.none() | st.builds(Lag, messages=small, source=st.sampled_from(["server", "counted"])),
    consumers=st.none() | st.tuples(st.builds(ConsumerInfo, name=names, pending=small, idle=small)),
    pending=st.lists(
        st.builds(PendingEntry, id=ids, consumer=names, idle=small, deliveries=small), max_size=3
    ).map(tuple),
)
states = st.builds(
    StreamState,
    name=st.sampled_from(["a", "b", "ü", 'quote"d', "c:1"]),
    info=st.builds(StreamInfo, length=small, first_entry_id=st.none() | ids, last_generated_id=ids),
    groups=st.lists(groups, max_size=2).map(tuple),
    sample=st.lists(st.builds(EntryShape, id=ids, fields=st.tuples(st.tuples(names, names))), max_size=2).map(
        tuple
    ),
)
clients = st.builds(ClientState, name=names, command=names, blocked=st.booleans(), age_s=small, idle_s=small)
histories = st.lists(
    st.builds(
        lambda made, seen, quiet: (
            tuple(sorted({state.name: state for state in made}.values(), key=lambda state: state.name)),
            seen,
            quiet,
        ),
        st.lists(states, max_size=4),
        st.none() | st.tuples(clients),
        st.booleans(),
    ),
    max_size=5,
)


def poll(number: int, *streams: StreamState) -> Poll:
    return Poll(number=number, at_ms=1_750_000_000_000 + number, server=SERVER, streams=streams)


def stream(name: str, length: int = 1) -> StreamState:
    return StreamState(name=name, info=StreamInfo(length=length))


def made(
    history: list[tuple[tuple[StreamState, ...], tuple[ClientState, ...] | None, bool]],
) -> Iterator[Poll]:
    for number, (streams, seen, quiet) in enumerate(history):
        yield Poll(
            number=number,
            at_ms=number * 1000,
            server=SERVER,
            streams=streams,
            clients=seen,
            quiet=quiet,
            calls={"xadd": number},
            cost=PollCost(server_us=number, round_trips=1, wall_ms=0.5),
        )


@settings(max_examples=30, deadline=None)
@given(histories, st.integers(0, 5))
def test_what_is_written_is_read_back_also_over_a_restart(history: list[object], cut: int) -> None:
    expected = tuple(made(history))  # type: ignore[arg-type]  # the strategy's own shape
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "polls.jsonl"
        for part in (expected[:cut], expected[cut:]):
            with polls.PollJournal(path) as journal:
                for item in part:
                    journal.append(item)
        assert tuple(polls.read_polls(path)) == expected
        assert polls.last_polls(path, 2) == expected[-2:]
        assert polls.next_number(path) == (len(expected) or None)
        text = path.read_bytes()
        for item in expected:
            for state in item.streams:
                for group in state.groups:
                    assert state.quote(item.number, item.source, group.info).text.encode() in text


def waiting(idle: int, inactive: int | None, pending: int) -> StreamState:
    group = GroupState(
        info=GroupInfo(name="g", consumers=1, pending=1, last_delivered_id="1-0"),
        lag=Lag(messages=0, source="derived"),
        consumers=(ConsumerInfo(name="c", pending=1, idle=idle, inactive=inactive),),
        pending=(PendingEntry(id="1-0", consumer="c", idle=pending, deliveries=1),),
    )
    return StreamState(name="s", info=StreamInfo(length=1), groups=(group,))


@pytest.mark.parametrize(
    ("later", "lines"),
    [
        pytest.param(waiting(1_001, -1, 501), 0, id="everything as old as the time between says"),
        pytest.param(waiting(3, -1, 501), 1, id="a read that gave nothing"),
        pytest.param(waiting(1_001, 1_001, 501), 1, id="a first read"),
        pytest.param(waiting(1_001, None, 501), 1, id="a server that does not tell"),
    ],
)
def test_of_a_stream_that_only_waits_just_its_idle_times_are_written(
    tmp_path: Path, later: StreamState, lines: int
) -> None:
    path = tmp_path / "polls.jsonl"
    expected = [poll(0, waiting(1_000, -1, 500)), poll(1, later)]
    with polls.PollJournal(path) as journal:
        for item in expected:
            journal.append(item)
    written = path.read_bytes().splitlines()[2:]
    assert [b'"line":"idle"' in line for line in written] == [False] + [True] * lines
    assert list(polls.read_polls(path)) == expected


def test_idle_times_of_a_stream_that_is_another_are_a_damaged_journal(tmp_path: Path) -> None:
    path = tmp_path / "polls.jsonl"
    with polls.PollJournal(path) as journal:
        journal.append(poll(0, waiting(1_000, -1, 500)))
        journal.append(poll(1, waiting(3, -1, 501)))
    path.write_bytes(path.read_bytes().replace(b'"ms":[3,-1,501]', b'"ms":[3,-1]'))
    with pytest.raises(JournalCorrupt, match="poll 1"):
        list(polls.read_polls(path))


def test_a_stream_that_did_not_change_is_not_written_again(tmp_path: Path) -> None:
    path = tmp_path / "polls.jsonl"
    with polls.PollJournal(path) as journal:
        journal.append(poll(0, stream("a"), stream("b")))
        journal.append(poll(1, stream("a", 2), stream("b")))
        journal.append(poll(2, stream("a", 2)))
    assert len(path.read_bytes().splitlines()) == 3 + 2 + 1
    assert [len(item.streams) for item in polls.read_polls(path)] == [2, 2, 1]


def test_a_poll_that_a_crash_cut_off_is_skipped_and_its_number_not_used_again(tmp_path: Path) -> None:
    path = tmp_path / "polls.jsonl"
    with polls.PollJournal(path) as journal:
        journal.append(poll(0, stream("a")))
        journal.append(poll(1, stream("a", 2), stream("b", 2)))
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    assert [item.number for item in polls.read_polls(path)] == [0]
    with polls.PollJournal(path) as journal:
        assert polls.next_number(path) == 2
        journal.append(poll(2, stream("a", 3)))
    assert list(polls.read_polls(path)) == [poll(0, stream("a")), poll(2, stream("a", 3))]


def test_a_line_that_is_no_poll_is_named(tmp_path: Path) -> None:
    path = tmp_path / "polls.jsonl"
    path.write_text('{"line":"other"}\n', encoding="utf-8")
    with pytest.raises(JournalCorrupt, match="byte 0"):
        list(polls.read_polls(path))


def test_the_baseline_is_one_poll(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    assert polls.read_baseline(path) is None
    polls.write_baseline(path, poll(0, stream("a")))
    assert polls.read_baseline(path) == poll(0, stream("a"))
    assert msgspec.json.decode(path.read_bytes())["number"] == 0
    path.write_text("{}", encoding="utf-8")
    with pytest.raises(JournalCorrupt):
        polls.read_baseline(path)


def test_polls_of_some_streams_alone_are_whole_where_theirs_are(tmp_path: Path) -> None:
    """What is not kept is counted, so that a poll that a crash cut short is left out all the same."""
    path = tmp_path / "polls.jsonl"
    with polls.PollJournal(path) as journal:
        for number in range(3):
            made = (
                StreamState(name='a"b', info=StreamInfo(length=number)),
                StreamState(name="c", info=StreamInfo(length=9)),
            )
            journal.append(Poll(number=number, at_ms=number, server=SERVER, streams=made))

    def keep(line: bytes) -> bool:
        return b'"name":"c"' in line

    kept = list(polls.read_polls(path, keep))
    assert [[state.name for state in found.streams] for found in kept] == [["c"]] * 3
    assert [name for name, _ in polls.encoded_streams(path)] == [b'a\\"b', b"c", b'a\\"b', b'a\\"b']
    path.write_bytes(path.read_bytes()[: path.read_bytes().rindex(b"\n", 0, -1) + 1])
    assert len(list(polls.read_polls(path, keep))) == 2
