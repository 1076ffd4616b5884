"""What lies beside a run: signal files, and a CSV of tokens and cost. Each is optional; none is ever written."""

from __future__ import annotations

import csv
import hashlib
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from msgspec import structs

from orchestrator.config.watch import WatchSection
from orchestrator.watch.views import COMPLETED, RUNNING, Gate, View
from tools.workspace import safe_name

_CLOCK_SLACK_MS = 2_000
"""Whoever writes the file may round its time down to seconds."""
_SIGNALS = ("approved", "rejected", "complete")
_BYTES_MAX = 16 << 20
_RUNS, _TOKENS, _COSTS = (
    ("run_id", "run", "runId"),
    ("tokens", "total_tokens", "input_tokens", "output_tokens", "prompt_tokens", "completion_tokens"),
    ("cost_usd", "total_cost_usd", "total_cost", "cost"),
)
_NUMBER_MAX = 1e15
"""What is more, or no number at all (nan), counts nothing."""
_WHOLE = 2
"""Of the names of tokens, so many are totals; where one of them is given its parts are not added."""


class Spent(NamedTuple):
    """What a CSV says of a run."""

    tokens: int | None
    cost_usd: float | None


class Beside:
    """Looks beside runs, once for each look of the daemon."""

    def __init__(self, limits: WatchSection, root: Path) -> None:
        self._signals = None if limits.signals is None else root / limits.signals
        self._costs = None if limits.costs is None else root / limits.costs
        self._read_as: tuple[int, int] | None = None
        self._spent: dict[str, Spent] = {}

    def seen(self, views: Iterable[View]) -> Iterator[View]:
        """The views, with what lies beside each."""
        spent = self._of_csv()
        for view in views:
            found = _with_signals(view, self._told(view))
            use = spent.get(view.run_id)
            if use is not None:
                found = structs.replace(
                    found,
                    tokens=found.tokens if found.tokens is not None else use.tokens,
                    cost_usd=found.cost_usd if found.cost_usd is not None else use.cost_usd,
                )
            yield found

    def _told(self, view: View) -> tuple[str, ...]:
        """Signals of a run: `<folder>/<run>.<signal>` or `<folder>/<run>/<signal>`, whatever is in them."""
        if self._signals is None:
            return ()
        name, told = safe_name(view.run_id), []
        for signal in _SIGNALS:
            # A run is not over before it began: that file is of an earlier one of its id. Gates may be opened before.
            since_ms = view.started_ms - _CLOCK_SLACK_MS if signal == "complete" else 0
            places = (self._signals / f"{name}.{signal}", self._signals / name / signal)
            if any(_written_ms(place) >= since_ms for place in places):
                told.append(signal)
        return tuple(told)

    def _of_csv(self) -> dict[str, Spent]:
        if self._costs is None:
            return {}
        try:
            status = self._costs.stat()
            stamp = (status.st_size, status.st_mtime_ns)
            if stamp != self._read_as and status.st_size <= _BYTES_MAX:
                self._spent, self._read_as = _spent(self._costs), stamp
        except (OSError, ValueError, csv.Error):
            return self._spent  # half written, or no CSV: what was read before stands
        return self._spent


def _written_ms(path: Path) -> float:
    """When a file was written; before all times where there is none."""
    try:
        return path.stat().st_mtime * 1000
    except OSError:
        return -math.inf


def _with_signals(view: View, told: tuple[str, ...]) -> View:
    if not told:
        return view
    gates = [Gate(name=f"the file {signal}", verdict=signal) for signal in told if signal != "complete"]
    ended = "complete" in told and view.outcome is None
    return structs.replace(
        view,
        gates=(*view.gates, *gates),
        status=COMPLETED if ended else view.status or RUNNING,
        progress=hashlib.sha256(f"{view.progress} {told}".encode()).hexdigest()[:32],
    )


def _spent(path: Path) -> dict[str, Spent]:
    found: dict[str, Spent] = {}
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        for row in csv.DictReader(file):
            run_id = next((row[name] for name in _RUNS if row.get(name)), "")
            if run_id:
                found[run_id] = _added(found.get(run_id, Spent(None, None)), row)
    return found


def _added(before: Spent, row: dict[str, str]) -> Spent:
    whole = _sum(row, _TOKENS[:_WHOLE]) if any(row.get(name) for name in _TOKENS[:_WHOLE]) else None
    tokens = whole if whole is not None else _sum(row, _TOKENS[_WHOLE:])
    cost = next((_number(row[name]) for name in _COSTS if row.get(name)), None)
    return Spent(
        before.tokens if tokens is None else (before.tokens or 0) + round(tokens),
        before.cost_usd if cost is None else (before.cost_usd or 0.0) + cost,
    )


def _sum(row: dict[str, str], names: tuple[str, ...]) -> float | None:
    values = [number for name in names if (number := _number(row.get(name))) is not None]
    return sum(values) if values else None


def _number(text: str | None) -> float | None:
    try:
        number = float(text) if text else math.nan
    except ValueError:
        return None
    return number if abs(number) < _NUMBER_MAX else None
