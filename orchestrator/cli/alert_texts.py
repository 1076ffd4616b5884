"""`alerts …`: what the commands do and print."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from orchestrator import bundled
from orchestrator.alerts import checking, memory
from orchestrator.alerts.after import Places, channels_of, tell
from orchestrator.alerts.loading import parse, read
from orchestrator.alerts.messages import Level, Message
from orchestrator.alerts.rules import every
from orchestrator.alerts.state import Group
from orchestrator.config.loaded import LoadedConfig
from orchestrator.store.database import open_store
from tools.clock import Clock, iso
from tools.errors import DeliveryFailed, UsageError
from tools.findings.model import Severity

FILE_NAME = "alerts.yaml"
_LEDGER_MAX = 200


def initialise(folder: Path, *, force: bool) -> Iterator[str]:
    """Write the alert file with its four rules. Raises UsageError where one is there."""
    path = folder / FILE_NAME
    if path.exists() and not force:
        raise UsageError(f"{path} is there already. --force writes it again.")
    text = (bundled.folder("session_templates") / FILE_NAME).read_bytes()
    parse(text, str(path))
    try:
        path.write_bytes(text)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or error}.") from error
    yield f"wrote {path}"
    yield 'Next: put file = "alerts.yaml" below [alerts] into streamgauge.toml, then streamgauge alerts check'


def file_of(loaded: LoadedConfig) -> Path:
    """The alert file of a configuration. Raises UsageError where none is set."""
    if loaded.config.alerts.file is None:
        raise UsageError(
            "No alert file is configured. Set alerts.file; `streamgauge alerts init` writes one."
        )
    return loaded.config.alerts.file


def checked(loaded: LoadedConfig, environ: Mapping[str, str], clock: Clock) -> tuple[list[str], bool]:
    """What the file says, what in it can have no effect, and whether all is well. Raises ConfigError."""
    rules = read(file_of(loaded))
    episodes = _remembered(loaded).episodes
    channels, missing = channels_of(rules, environ, clock)
    lines = [f"receiver   {name}: {channel.where}" for name, channel in channels.items()]
    lines += [f"route      {text}" for text in checking.taken(rules, episodes)]
    idle = [*missing, *checking.problems(rules, episodes, clock.now_ms())]
    lines += [f"no effect  {text}" for text in idle]
    return lines, not idle


def tested(
    loaded: LoadedConfig, names: list[str], environ: Mapping[str, str], clock: Clock
) -> tuple[list[str], bool]:
    """Send a test message to each receiver, or to those named; whether all took it. Raises UsageError."""
    rules = read(file_of(loaded))
    known = [receiver.name for receiver in rules.receivers]
    for name in names:
        if name not in known:
            raise UsageError(f"There is no receiver {name!r}. There are {', '.join(known)}.")
    channels, missing = channels_of(rules, environ, clock)
    message = Message(
        id=f"test-{clock.now_ms()}",
        dedup_key=f"test-{clock.now_ms()}",
        level=Level.INFO,
        severity=Severity.INFO,
        title="streamgauge can reach you here",
        lines=("This is a test; nothing happened.",),
    )
    lines = [f"failed     {text}" for text in missing]
    whole = not missing
    for name, channel in channels.items():
        if names and name not in names:
            continue
        try:
            channel.send(message, "")
        except DeliveryFailed as error:
            whole = False
            lines.append(f"failed     {name} ({channel.where}): {error}")
        else:
            lines.append(f"taken      {name} ({channel.where})")
    return lines, whole


def sent(loaded: LoadedConfig, environ: Mapping[str, str], clock: Clock, *, shadow: bool) -> Iterator[str]:
    """Tell what the session of the workspace says. Raises UsageError, LockHeld, OSError."""
    output = loaded.config.output
    shadow = shadow or loaded.config.alerts.shadow
    places = Places(file_of(loaded), output.state_db, output.workspace)
    yield from tell(places, environ, clock, shadow=shadow)


def status(loaded: LoadedConfig) -> Iterator[str]:
    """What lasts and whom it was told. Raises UsageError."""
    known = _remembered(loaded)
    lasting = [item for item in known.episodes if item.fires and not item.momentary]
    yield f"{len(lasting)} episodes last, {len(known.state.groups)} groups are known"
    timings = {(timing.place, timing.receiver): timing for _, timing in every(read(file_of(loaded)).route)}
    for group in known.state.groups:
        timing = timings.get((group.place, group.receiver))
        yield _group(group, None if timing is None else timing.repeat_interval)


def _group(group: Group, repeat_s: float | None) -> str:
    labels = ", ".join(f"{name} {value}" for name, value in group.values if value) or "all"
    if group.last_ms is None:
        told = "not told yet"
    else:
        told = f"told {group.number} times, last at {iso(group.last_ms)[:16]}Z"
        if repeat_s is not None and group.told:
            told += f", next_notify_at {iso(group.last_ms + round(repeat_s * 1000))[:16]}Z while it lasts"
    if group.failures:
        told += f"; refused {group.failures} times, tried again at {iso(group.retry_ms)[:16]}Z"
    return f"{group.receiver:<12} {labels}: {len(group.told)} episodes, {told}"


def ledger(loaded: LoadedConfig, count: int) -> Iterator[str]:
    """What was sent, refused and kept back, and why: the newest last. Raises UsageError."""
    with open_store(loaded.config.output.state_db) as store:
        rows = store.rows("SELECT * FROM alerts ORDER BY id DESC LIMIT ?", (min(count, _LEDGER_MAX),))
    for row in reversed(rows):
        why = f" ({row['reason']})" if row["reason"] else ""
        yield (
            f"{row['timestamp']}  {row['outcome']:<10} {row['receiver']:<12} {row['kind']:<10} "
            f"{row['severity']:<8} {row['title']}{why}"
        )


def forgotten(loaded: LoadedConfig) -> Iterator[str]:
    """Forget what was told. Raises UsageError."""
    with open_store(loaded.config.output.state_db) as store:
        memory.forget(store)
    yield "forgotten; what lasts is told anew by the next session"


def _remembered(loaded: LoadedConfig) -> memory.Memory:
    path = loaded.config.output.state_db
    if not path.exists():
        return memory.Memory()
    with open_store(path) as store:
        return memory.load(store, shadow=loaded.config.alerts.shadow)
