"""What `plan` and `doctor` tell of alerts. Nothing is sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from orchestrator.alerts import checking
from orchestrator.alerts.after import channels_of
from orchestrator.alerts.loading import read
from orchestrator.check import Check, Verdict
from orchestrator.config.model import Config
from tools.clock import SystemClock
from tools.errors import ConfigError
from tools.masking import mask

_SUBJECT = "alerts"
_LEAVES = "titles of findings, names of services and streams, the report's path; secrets masked"


def plan(config: Config, environ: Mapping[str, str]) -> Iterator[str]:
    """What would leave the machine, and for whom. Raises ConfigError."""
    if config.alerts.file is None:
        return
    rules = read(config.alerts.file)
    if config.alerts.shadow:
        yield "no alert: alerts.shadow is set, they are printed"
        return
    channels, _ = channels_of(rules, environ, SystemClock())
    kinds = {receiver.name: receiver.kind for receiver in rules.receivers}
    for name, channel in channels.items():
        if kinds[name] != "console":
            yield f"alerts to {name} ({mask(channel.where)}): {_LEAVES}"


def examine(config: Config, environ: Mapping[str, str]) -> Iterator[Check]:
    """Whether alerts can be sent. Nobody is asked: `streamgauge alerts test` tells whether they arrive."""
    if config.alerts.file is None:
        return
    try:
        rules = read(config.alerts.file)
    except ConfigError as error:
        fix = "Sessions run and tell nobody; `streamgauge alerts check` tells the same."
        yield Check(_SUBJECT, Verdict.FAIL, str(error), fix)
        return
    clock = SystemClock()
    channels, missing = channels_of(rules, environ, clock)
    idle = [*missing, *checking.problems(rules, (), clock.now_ms())]
    if idle:
        more = f" (and {len(idle) - 1} more)" if len(idle) > 1 else ""
        yield Check(_SUBJECT, Verdict.WARN, f"{idle[0]}{more}", "`streamgauge alerts check` lists all.")
        return
    named = ", ".join(f"{name} ({mask(channel.where)})" for name, channel in channels.items())
    yield Check(_SUBJECT, Verdict.OK, f"{named}; not asked: `streamgauge alerts test`")
