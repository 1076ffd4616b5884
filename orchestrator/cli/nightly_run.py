"""`run --nightly`: a session that nobody watches, with a wait before it and a ping around it."""

from __future__ import annotations

import random
import signal
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import msgspec

from orchestrator.cli import boundary, signals
from orchestrator.cli.request import Request, read
from orchestrator.cli.run import Show
from orchestrator.cli.run import run as run_session
from orchestrator.cli.summary import meaning
from orchestrator.config import settings
from orchestrator.config.model import Config, Mode
from orchestrator.config.nightly import is_address
from orchestrator.nightly.ping import Dead, Ping
from orchestrator.nightly.shortness import EARLIER_MAX, length_s, why_short
from orchestrator.session.earlier import store_of
from tools.clock import Clock, SystemClock
from tools.errors import StreamgaugeError
from tools.quantities import format_duration
from tools.sources import session_facts
from tools.sources.session_facts import SessionFacts
from tools.synthesis.sessions import store
from tools.synthesis.sessions.record import SessionRecord
from tools.workspace import Workspace

WELL = frozenset({boundary.OK, boundary.FINDINGS})
"""Exit codes of a session that did its work: what it found is told by alerts, not by a ping that fails."""
_ENDED = WELL | {boundary.BLIND}
"""Those of a session that nobody ended before its time."""
_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Chance:
    """What is left to chance: the part of the jitter that is waited."""

    wait_s: Callable[[float], float] = field(default=lambda most: random.SystemRandom().uniform(0, most))


def run(  # noqa: PLR0917 - as `run`, and what a test puts in
    request: Request,
    show: Show,
    environ: Mapping[str, str],
    cwd: Path,
    state: boundary.StateFolder,
    clock: Clock | None = None,
    chance: Chance | None = None,
) -> int:
    """Wait, run a session, tell how it ended; returns its exit code. Raises what `run` raises, told as well."""
    clock, chance = clock or SystemClock(), chance or Chance()
    try:
        config = read(request, environ, cwd, state).config
    except StreamgaugeError as error:
        _tell(Ping(_of_environment(environ), clock), boundary.code_of(error))
        raise
    ping = Ping(_dead(config), clock)
    if not _wait(config, clock, chance):
        boundary.say("ended by SIGTERM; no session was begun.")
        _tell(ping, boundary.TERMINATED)
        return boundary.TERMINATED
    ping.start()
    begun_ms = clock.now_ms()
    code = boundary.INTERNAL
    try:
        code = run_session(request, show, environ, cwd, state)
    except StreamgaugeError as error:
        code = boundary.code_of(error)
        raise
    except KeyboardInterrupt as error:
        code = signals.code_of(error)
        raise
    finally:
        _tell(ping, code, _short(config, begun_ms) if code in _ENDED else "", config.fail_on)
    return code


def _tell(ping: Ping, code: int, short: str = "", fail_on: str = "") -> None:
    """Ping, and say what is to be said. No interrupt here may cost the exit code."""
    if short:
        boundary.say(f"suspiciously short: {short}; look at section 7 of the report.")
    if code == boundary.HELD:
        return  # whoever holds the lock is at work and tells how it ends
    text = f"exit code {code}: {meaning(code, fail_on)}"
    if short:
        text += f"; suspiciously short: {short}"
    try:
        refused = ping.end(text, well=code in WELL and not short)
    except KeyboardInterrupt:
        refused = "ended by Ctrl-C"
    if refused:
        boundary.say(f"the ping was not taken: {refused}")


def _wait(config: Config, clock: Clock, chance: Chance) -> bool:
    """Wait as long as chance says; False where SIGTERM ended it."""
    if config.nightly.jitter <= 0:
        return True
    seconds = chance.wait_s(config.nightly.jitter)
    boundary.say(f"begins in {format_duration(round(seconds))} (nightly.jitter)")
    ended, before = threading.Event(), signal.getsignal(signal.SIGTERM)
    # Outside the main thread (a host application) there is no handler to set.
    with suppress(ValueError):
        # Not by its default either: the first process of a container would not even notice it.
        signal.signal(signal.SIGTERM, lambda *_: ended.set())
    try:
        clock.sleep_until(clock.monotonic() + seconds, ended)
    finally:
        with suppress(ValueError):
            signal.signal(signal.SIGTERM, before)
    return not ended.is_set()


def _dead(config: Config) -> Dead | None:
    url = config.nightly.ping_url
    if url is None:
        return None
    return Dead(url.get_secret_value(), config.nightly.ping_timeout)


def _of_environment(environ: Mapping[str, str]) -> Dead | None:
    """A configuration that cannot be read names no address; the environment may."""
    url = environ.get(settings.variable("nightly.ping_url"), "")
    return Dead(url, _TIMEOUT_S) if is_address(url) else None


def _short(config: Config, begun_ms: int) -> str:
    """What was short about the session that ended now; "" where nothing was, or none began."""
    workspace = Workspace(config.output.workspace.resolve())
    with suppress(OSError, ValueError, msgspec.MsgspecError, StreamgaugeError):
        facts = session_facts.read(workspace)
        if facts.started_ms < begun_ms or facts.ended_ms is None:
            return ""
        earlier = _earlier(config, workspace, facts) if facts.mode == Mode.STATIC else []
        return why_short(facts, earlier, config.session.duration, config.nightly.short_share)
    return ""


def _earlier(config: Config, workspace: Workspace, facts: SessionFacts) -> list[SessionRecord]:
    """As many complete sessions like this one as are looked at, the newest first: records are read one by one."""
    own = store.in_workspace(workspace)
    kept = store_of(config.output.state_folder).records() if own is not None else ()
    like = (
        record
        for record in kept
        if own is not None and record.series == own.series and record.session_id != facts.session_id
    )
    return list(islice((record for record in like if length_s(record) is not None), EARLIER_MAX))
