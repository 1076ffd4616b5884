"""What the session itself finds: a missing command, a service that is not ready, something that was left.

They are written in the journals of the agents that specification 2 names, while no watcher holds them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import re2

from agents.host import SeenFinding
from orchestrator.keeper.contract import CODE_UNKNOWN, Leftover, Lost
from orchestrator.keeper.owned import holder_of
from tools.clock import Clock
from tools.findings.model import (
    AgentId,
    ConfigCategory,
    EvidenceKind,
    Finding,
    Locator,
    LogCategory,
    Severity,
)
from tools.findings.recorder import Recorder, read_attempt
from tools.findings.rule import Quote, Rule, Symptom
from tools.workspace import Workspace, write_atomically

COMMAND_MISSING = Rule(
    id="session.stream-command-missing",
    agent=AgentId.CONFIG_AUDITOR,
    category=ConfigCategory.VERSION_MISMATCH,
    condition="the server does not know a stream command that services need",
    severity=Severity.CRITICAL,
)
NOT_READY = Rule(
    id="session.service-not-ready",
    agent=AgentId.LOG_WATCHER,
    category=LogCategory.CRASH,
    condition="a service showed no ready signal within services.ready_timeout",
    severity=Severity.CRITICAL,
)
LEFTOVER = Rule(
    id="session.leftover-process",
    agent=AgentId.LOG_WATCHER,
    category=LogCategory.ANOMALY,
    condition="a process of the system outlived its stop and the drain time",
    severity=Severity.HIGH,
)
LEFTOVER_PORT = Rule(
    id="session.leftover-port",
    agent=AgentId.LOG_WATCHER,
    category=LogCategory.ANOMALY,
    condition="a port of the system is still taken after its stop",
    severity=Severity.HIGH,
)
LEFTOVER_CLIENT = Rule(
    id="session.leftover-connection",
    agent=AgentId.LOG_WATCHER,
    category=LogCategory.ANOMALY,
    condition="a connection to Redis is still open after the services were stopped",
    severity=Severity.MEDIUM,
)
OUTPUT_FLOOD = Rule(
    id="session.output-flood",
    agent=AgentId.LOG_WATCHER,
    category=LogCategory.ANOMALY,
    condition="a start command printed faster than its output could be masked, so that a part was skipped",
    severity=Severity.MEDIUM,
)
RULES = (COMMAND_MISSING, NOT_READY, OUTPUT_FLOOD, LEFTOVER, LEFTOVER_PORT, LEFTOVER_CLIENT)
"""For the table of rules; they are no detectors and stand in no registry."""

_TAIL_BYTES = 4096
_NUMBERS = re.compile(r"\d{2,}")
_PORT_IN_USE = re2.compile(
    r"(?i)(?:\bEADDRINUSE\b|already in use)[^\n]{0,60}?(?::|, |\bport )(?P<after>\d{2,5})\b"
    r"|(?::|\bport )(?P<before>\d{2,5})\b[^\n]{0,40}?already in use"
)
"""Node, Go, Python and people say it in these ways."""


def command_missing(commands: Sequence[str], server: str) -> Symptom:
    """The server (`valkey 8.1.0`) lacks these commands."""
    names = ", ".join(sorted(commands))
    return Symptom(
        rule=COMMAND_MISSING,
        title=f"The server ({server}) lacks {names}",
        entity=("server",),
        evidence=(Quote(EvidenceKind.REDIS, "COMMAND INFO", f"{server}: unknown commands: {names}"),),
        recommendation="Use Redis 5.0 or newer, or Valkey; XREADGROUP and its kin came with 5.0.",
        expected="XADD, XREAD, XREADGROUP, XPENDING, XINFO, XACK, XLEN and XCLAIM",
        actual=f"no {names}",
        position=("session/preflight", 1),
    )


def last_lines(workspace: Workspace, path: Path) -> Quote:
    """The end of a captured log, from its own bytes; says so where there is none."""
    name = str(path.relative_to(workspace.root))
    try:
        with path.open("rb") as file:
            start = max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES)
            file.seek(start)
            data = file.read()
    except FileNotFoundError:
        data, start = b"", 0
    cut = data.find(b"\n") + 1 if start else 0
    text = data[cut:].decode("utf-8", "replace").rstrip("\n")
    if not text:
        return Quote(EvidenceKind.PROCESS, name, f"{name}: no output")
    return Quote(EvidenceKind.LOG, name, text, Locator(byte_offset=start + cut, byte_length=len(data) - cut))


def how_not_ready(waited_s: float, exit_code: int | None, lost: Sequence[Lost] = ()) -> str:
    """What became of the start, for people. `exit_code` is None where it runs still."""
    if exit_code == 0:
        return "the start command ended with code 0 and nothing of it runs"
    if exit_code == CODE_UNKNOWN:
        return "the start command ended while nobody watched it, and nothing of it runs"
    if exit_code is not None:
        return f"the start command ended with code {exit_code}"
    flood = sum(entry.bytes for entry in lost)
    more = f", and {flood / 1_000_000:.0f} MB of its output could not be read in time" if flood else ""
    return f"no ready signal in {waited_s:g} s{more}"


def not_ready(service: str, how: str, output: Quote) -> Symptom:
    """A service without its ready signal; `how` is what became of it, `output` what it printed last."""
    ended = "ended" in how
    said = _PORT_IN_USE.search(output.text)
    port = int(said.group("after") or said.group("before")) if said else None
    held = f" Port {port} is held by {holder_of(port)}." if port is not None else ""
    return Symptom(
        rule=NOT_READY,
        title=f"{service} is not ready: {how}",
        entity=(service,),
        evidence=(output,),
        recommendation=f"Read the end of {output.source} for {service}.{held} If it is ready and says so in other "
        "words, set services.ready_pattern; if it needs longer, services.ready_timeout.",
        service=service,
        hypothesis="The service failed while it started." if ended else "It hangs, or says it otherwise.",
        position=("session/preflight", 1),
    )


def port_taken(service: str, port: int, holder: str) -> Symptom:
    """A service could not be started: somebody else has its port."""
    return Symptom(
        rule=NOT_READY,
        title=f"{service} is not started: its port {port} is held by {holder}",
        entity=(service,),
        evidence=(Quote(EvidenceKind.PROCESS, "preflight", f"port {port}: {holder}"),),
        recommendation=f"End {holder}, which holds port {port}, or audit what runs already with --mode attach.",
        service=service,
        hypothesis="It runs already, outside this session.",
        position=("session/preflight", 1),
    )


def output_flood(lost: Lost, output: Quote) -> Symptom:
    """A command whose output was skipped in part."""
    return Symptom(
        rule=OUTPUT_FLOOD,
        title=f"The output of {lost.output} came faster than it could be read: {lost.bytes / 1_000_000:.0f} MB skipped",
        entity=(lost.output,),
        evidence=(output,),
        recommendation=f"Find in {output.source} what {lost.output} repeats, and log it once or at a lower level.",
        service="unknown",
        hypothesis="A loop logs without a pause.",
        position=("session/shutdown", 1),
    )


def leftover(found: Leftover, drain_s: float, *, killed: bool = True) -> Symptom:
    """A process that had to be killed, or (`killed` false) that not even that ended."""
    fate = (
        "it was killed now"
        if killed
        else f"SIGKILL did not end it: look at it (ps -o stat,wchan {found.pid})"
    )
    # The same program is the same finding in the next session: pids, ports and temporary names are left out.
    name = _NUMBERS.sub("N", found.command)
    return Symptom(
        rule=LEFTOVER,
        title=f"A process was left after the stop: {found.command[:80]}",
        entity=(name,),
        evidence=(Quote(EvidenceKind.PROCESS, "shutdown", found.lines()),),
        recommendation=f"Make it end on services.stop (or SIGTERM) within {drain_s:g} s; {fate}.",
        service="unknown",
        hypothesis="It ignores the signal, or left the process group of the start command.",
        position=(f"session/shutdown {name}", found.pid),
    )


def leftover_port(port: int, holder: str) -> Symptom:
    """A port that is still taken."""
    return Symptom(
        rule=LEFTOVER_PORT,
        title=f"Port {port} is still taken after the stop",
        entity=(f"port {port}",),
        evidence=(Quote(EvidenceKind.PROCESS, "shutdown", f"port {port}: {holder}"),),
        recommendation=f"Find what holds port {port} ({holder}) and have services.stop end it.",
        service="unknown",
        hypothesis="A process that the start command does not own holds it.",
        position=("session/shutdown", 1),
    )


def leftover_clients(clients: Sequence[str]) -> Symptom:
    """Connections that are still open (name and address each)."""
    return Symptom(
        rule=LEFTOVER_CLIENT,
        title=f"{len(clients)} connections to Redis are open after the services were stopped",
        entity=("clients",),
        evidence=(Quote(EvidenceKind.REDIS, "CLIENT LIST", "\n".join(clients)),),
        recommendation="Find the programs behind these addresses: they are no part of services.start.",
        service="unknown",
        hypothesis="Programs outside the start command use this server.",
        position=("session/shutdown", 1),
    )


def record(workspace: Workspace, clock: Clock, agent: AgentId, symptoms: Iterable[Symptom]) -> list[Finding]:
    """Write symptoms to an agent's journal, as its next attempt: an older one can write no more.

    Raises OSError.
    """
    rejected: list[str] = []
    attempt_file = workspace.agent_dir(agent) / "attempt"
    attempt = read_attempt(attempt_file) + 1
    write_atomically(attempt_file, str(attempt).encode("ascii"))
    recorder = Recorder(workspace, agent, attempt, lambda rule, reason: rejected.append(f"{rule}: {reason}"))
    try:
        found = [recorder.record(symptom, clock.now_ms()) for symptom in symptoms]
        recorder.flush()
    finally:
        recorder.close()
    assert not rejected, rejected
    return [finding for finding in found if finding is not None]


def seen(finding: Finding) -> SeenFinding:
    """The few fields that an alert needs."""
    severity = getattr(finding, "severity", None)
    return SeenFinding(finding_id=finding.finding_id, title=finding.title, severity=severity)
