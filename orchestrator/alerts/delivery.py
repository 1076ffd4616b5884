"""Messages on their way: tried, tried again, told elsewhere that they did not arrive, and remembered one by one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress

from msgspec import Struct

from orchestrator.alerts import engine, memory
from orchestrator.alerts.channels.contract import Channel
from orchestrator.alerts.memory import Memory
from orchestrator.alerts.messages import Level, Message, flat, message_of
from orchestrator.alerts.rules import AlertRules, Kind
from orchestrator.alerts.state import AlertState, Notification
from orchestrator.store.database import Store
from tools.clock import NEVER, Clock
from tools.errors import DeliveryFailed
from tools.findings.model import Severity

TRIES = 3
_NEWS = frozenset({Kind.NEW, Kind.ESCALATED})
_FIRST_WAIT_S, _WAIT_MAX_S = 1.0, 30.0
"""Between tries: 1 s, then 3 s, or what the peer asks for. Beyond half a minute the message waits for the next time."""


class Scope(Struct, frozen=True):
    """What of that which is due is told now: news of these episodes only, or, of a session that is over, everything.

    `since_ms` is when that session began.
    """

    only: frozenset[str] | None = None
    since_ms: int | None = None

    def holds(self, item: Notification) -> bool:
        """Whether a message is told now."""
        if self.only is None:
            return True
        return any(one.kind in _NEWS and one.episode.key in self.only for one in item.items)


class Delivery:
    """Sends what is due and remembers each outcome before the next message goes out."""

    def __init__(
        self, rules: AlertRules, channels: Mapping[str, Channel], store: Store, clock: Clock
    ) -> None:
        """`channels` by receiver; a receiver without one is a failure of its message. Without any it is a shadow."""
        self._rules, self._channels, self._store, self._clock = rules, channels, store, clock
        self._silent: dict[str, str] = {}
        """Receivers that took a message neither at once nor after the tries, and why."""
        self.next_ms: int | None = None
        """After `run`: when to decide again, where nothing happens before."""

    def run(self, known: Memory, scope: Scope, *, shadow: bool) -> Iterator[str]:
        """Decide and deliver; a line for each message. Raises UsageError where the store refuses."""
        now_ms = self._clock.now_ms()
        settled = scope.only is None
        decision = engine.decide(
            self._rules, known.episodes, known.state, now_ms, settled=settled, since_ms=scope.since_ms
        )
        self.next_ms = decision.next_ms
        current = Memory(episodes=known.episodes, state=decision.state)
        memory.save(self._store, current, memory.kept_entries(decision.ledger), now_ms, shadow=shadow)
        for item in decision.due:
            if not scope.holds(item):
                continue
            message = message_of(item)
            current, entry, line = self._one(current, item, message, shadow=shadow)
            memory.save(self._store, current, [entry], self._clock.now_ms(), shadow=shadow)
            yield line

    def _one(
        self, known: Memory, item: Notification, message: Message, *, shadow: bool
    ) -> tuple[Memory, memory.Entry, str]:
        channel = self._channels.get(item.receiver)
        where = item.receiver if channel is None else f"{item.receiver} ({channel.where})"
        if shadow:
            state = engine.delivered(known.state, item, self._clock.now_ms())
            told = "\n           ".join(message.text.splitlines())
            line = f"would send to {where}: {told}"
            return _with(known, state), memory.entry_of(item, message.title, "shadow"), line
        thread = item.after.thread if item.after is not None else ""
        try:
            if channel is None:
                raise DeliveryFailed("it has no channel here", permanent=True)
            found = self._send(item.receiver, channel, message, thread)
        except DeliveryFailed as error:
            why = flat(str(error))
            state = engine.failed(known.state, item, self._clock.now_ms())
            elsewhere = self._tell_elsewhere(known, item, message, why)
            entry = memory.entry_of(item, message.title, "failed", f"{why}{elsewhere}")
            return (
                _with(known, state),
                entry,
                f"not taken by {where}: {why}{elsewhere}; it is tried again later",
            )
        state = engine.delivered(known.state, item, self._clock.now_ms(), found)
        entry = memory.entry_of(item, message.title, "sent")
        return _with(known, state), entry, f"sent to {where}: {message.level}: {message.title}"

    def _send(self, receiver: str, channel: Channel, message: Message, thread: str) -> str:
        if receiver in self._silent:
            # Each would cost its tries again, and a session would not come to its end for minutes.
            raise DeliveryFailed(f"not tried: {self._silent[receiver]}")
        wait_s = _FIRST_WAIT_S
        for attempt in range(1, TRIES + 1):
            try:
                return channel.send(message, thread)
            except DeliveryFailed as error:
                asked_s = error.retry_after_s if error.retry_after_s is not None else wait_s
                if error.permanent:
                    raise
                if attempt == TRIES or asked_s > _WAIT_MAX_S:
                    self._silent[receiver] = str(error)
                    raise
                self._clock.sleep_until(self._clock.monotonic() + asked_s, NEVER)
                wait_s *= 3
        raise AssertionError("unreachable")  # pragma: no cover

    def _tell_elsewhere(self, known: Memory, item: Notification, message: Message, why: str) -> str:
        """Say on another channel that one does not take messages: once while it lasts. Where it was told."""
        failing = (group for group in known.state.groups if group.receiver == item.receiver)
        if item.after is None or any(group.failures for group in failing):
            return ""
        report = Message(
            id=f"{message.id}-failed",
            dedup_key=f"{message.dedup_key}-failed",
            level=Level.WARNING,
            severity=Severity.HIGH,
            title=f"the receiver {item.receiver} does not take alerts: {why}",
            lines=(f"{message.level}: {message.title}",),
            report=message.report,
        )
        for name, channel in self._channels.items():
            if name != item.receiver:
                with suppress(DeliveryFailed):
                    channel.send(report, "")
                    return f"; said so to {name}"
        return ""


def _with(known: Memory, state: AlertState) -> Memory:
    return Memory(episodes=known.episodes, state=state)
