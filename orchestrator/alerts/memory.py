"""What alerts remember between sessions, in the store: episodes, what was told, and the ledger of what was not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec
from msgspec import Struct, structs

from orchestrator.alerts.episodes import Episode
from orchestrator.alerts.state import AlertState, Kept, Notification
from orchestrator.store.database import Store
from tools.clock import iso
from tools.errors import UsageError
from tools.findings.model import Severity

SHADOW = "shadow "
"""Before the names of what a shadow run remembers, so that it never counts as told."""


class Memory(Struct, frozen=True, kw_only=True):
    """All that is remembered."""

    episodes: tuple[Episode, ...] = ()
    state: AlertState = AlertState()


def renamed(memory: Memory, keys: Mapping[str, str]) -> Memory:
    """The same with other keys, old → new: whoever was told of it was told of it."""
    if not keys:
        return memory
    groups = tuple(
        structs.replace(
            group, told=tuple(structs.replace(it, key=keys.get(it.key, it.key)) for it in group.told)
        )
        for group in memory.state.groups
    )
    return Memory(
        episodes=tuple(structs.replace(it, key=keys.get(it.key, it.key)) for it in memory.episodes),
        state=structs.replace(memory.state, groups=groups),
    )


class Entry(Struct, frozen=True, kw_only=True):
    """One line of the ledger."""

    receiver: str
    dedup_key: str
    kind: str
    severity: str
    title: str
    outcome: str
    reason: str = ""
    run_id: str = ""


def load(store: Store, *, shadow: bool) -> Memory:
    """What is remembered; nothing before the first time. Raises UsageError."""
    text = store.one("SELECT data FROM alert_state WHERE name = ?", (_name(shadow=shadow),))
    if text is None:
        return Memory()
    try:
        return msgspec.json.decode(str(text), type=Memory)
    except msgspec.MsgspecError as error:
        raise UsageError(
            f"{store.path}: what alerts remember cannot be read ({error}). Use the version that wrote it, "
            "or `streamgauge alerts forget`: then everything that lasts is told anew."
        ) from error


def save(store: Store, memory: Memory, ledger: Iterable[Entry], now_ms: int, *, shadow: bool) -> None:
    """Remember, and write the ledger, in one transaction. Raises UsageError."""
    with store.writing() as database:
        database.execute(
            "INSERT OR REPLACE INTO alert_state (name, data) VALUES (?, ?)",
            (_name(shadow=shadow), msgspec.json.encode(memory).decode("utf-8")),
        )
        database.executemany(
            "INSERT INTO alerts (run_id, receiver, dedup_key, kind, severity, title, outcome, reason, timestamp) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    item.run_id, item.receiver, item.dedup_key, item.kind, item.severity, item.title, item.outcome,
                    item.reason, iso(now_ms),
                )
                for item in ledger
            ],
        )  # fmt: skip


def forget(store: Store) -> None:
    """Forget what was told and every episode; the ledger stays. Raises UsageError."""
    with store.writing() as database:
        database.execute("DELETE FROM alert_state")


def kept_entries(kept: Sequence[Kept]) -> list[Entry]:
    """What was kept back, for the ledger."""
    return [
        Entry(
            receiver=item.receiver,
            dedup_key=item.group,
            kind="kept",
            severity=item.severity,
            title=item.title,
            outcome="suppressed",
            reason=item.reason,
        )
        for item in kept
    ]


def entry_of(item: Notification, title: str, outcome: str, reason: str = "") -> Entry:
    """A message, for the ledger."""
    kinds = sorted({one.kind.value for one in item.items})
    runs = [one.episode.labels.run for one in item.items if one.episode.labels.run]
    return Entry(
        receiver=item.receiver,
        dedup_key=item.dedup_key,
        kind="waiting" if item.waiting else ", ".join(kinds) or "reminder",
        severity=item.severity,
        title=title,
        outcome=outcome,
        reason=reason,
        run_id=runs[0] if runs else "",
    )


def lost_entry(why: str) -> Entry:
    """That alerts were not told while a session ran, for the ledger."""
    return Entry(
        receiver="",
        dedup_key="",
        kind="live",
        severity=Severity.INFO,
        title="alerts while the session ran",
        outcome="ended",
        reason=why,
    )


def _name(*, shadow: bool) -> str:
    return f"{SHADOW if shadow else ''}memory"
