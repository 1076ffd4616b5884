"""Episodes and rules for the tests of alerts."""

from __future__ import annotations

from typing import Any

from orchestrator.alerts.engine import decide, delivered
from orchestrator.alerts.episodes import Episode, Labels
from orchestrator.alerts.rules import AlertRules
from orchestrator.alerts.state import AlertState, Decision, Notification
from tools.findings.model import Severity

START_MS = 1_750_000_000_000
MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000


def rules(**more: Any) -> AlertRules:
    """Everything to one receiver, by cause, after half a minute, at most every five minutes, again after a day."""
    route = {"receiver": "team", "repeat_interval": "1d"} | more.pop("route", {})
    receivers = more.pop("receivers", [{"name": "team", "console": {}}])
    return AlertRules.model_validate({"receivers": receivers, "route": route} | more)


def episode(key: str = "a", severity: str = "HIGH", *, ended_ms: int | None = None, **labels: Any) -> Episode:
    momentary = labels.get("event", "finding") != "finding"
    return Episode(
        key=key,
        labels=Labels(severity=Severity(severity), **({"cause": key} | labels)),
        title=f"trouble {key}",
        started_ms=START_MS,
        seen_ms=START_MS,
        ended_ms=ended_ms,
        momentary=momentary,
    )


class Night:
    """Decides again and again; everything that is due is delivered."""

    def __init__(self, policy: AlertRules, state: AlertState | None = None) -> None:
        self.policy, self.state = policy, state or AlertState()
        self.sent: list[tuple[int, Notification]] = []
        self.last: Decision | None = None

    def at(self, ms: int, *episodes: Episode, settled: bool = False) -> list[Notification]:
        now = START_MS + ms
        self.last = decide(self.policy, episodes, self.state, now, settled=settled)
        self.state = self.last.state
        for item in self.last.due:
            self.state = delivered(self.state, item, now)
            self.sent.append((now, item))
        return list(self.last.due)
