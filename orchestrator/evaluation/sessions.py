"""Runs the sessions of an evaluation as processes of their own, some side by side, and reads what they said."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from orchestrator.config.llm_use import BASE_URL, KEY
from orchestrator.evaluation.scenarios import Scenario
from orchestrator.evaluation.stage import Ports, Stage, prepare
from orchestrator.evaluation.verdict import Told, Verdict, judge
from tools import masking
from tools.errors import JournalCorrupt, UsageError
from tools.findings import readings
from tools.findings.model import AgentId, Finding
from tools.findings.recorder import load
from tools.interpreter import python_path
from tools.report.verify import verify
from tools.sources import session_facts
from tools.synthesis.clusters import Cluster

_PACKAGES_FOLDER = Path(__file__).resolve().parents[2]
_DROPPED = ("STREAMGAUGE_", "ANTHROPIC_", "LANGSMITH_", "LANGCHAIN_", "REDIS_URL")
"""The sessions answer to their scenario alone, and no key is near them."""
_MODEL = (KEY, BASE_URL)
"""What a session needs that a language model takes part in; `stage` keeps them from the audited services."""
_AUDITED = (0, 1, 3)
"""Exit codes of a session that came to its end."""
_BEYOND_WINDOW_S = 240.0
"""Start, stop, drain and report on a busy machine."""
_STOP_S = 60.0
"""For a session that was asked to stop: services, server and report."""


class _Mark(msgspec.Struct, frozen=True):
    mark: str
    at_ms: int


class _Report(msgspec.Struct, frozen=True):
    """The part of `report.json` that is judged."""

    clusters: tuple[Cluster, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is run: each scenario `repeats` times, `jobs` at once, below `out`. `tell` hears of each that ended.

    `usd`: what a language model may cost in each run; None where none takes part.
    """

    scenarios: Sequence[Scenario]
    repeats: int
    jobs: int
    out: Path
    ports: Ports
    tell: Callable[[Verdict], None]
    usd: float | None = None


async def run_all(plan: Plan, environ: Mapping[str, str]) -> list[Verdict]:
    """Every run's verdict, by scenario and run. What was started ends with it, a cancellation too.

    Raises UsageError where a folder cannot be written or no port is free.
    """
    task = asyncio.current_task()
    loop = asyncio.get_running_loop()
    if task is not None:
        loop.add_signal_handler(signal.SIGTERM, task.cancel)
    slots = asyncio.Semaphore(plan.jobs)
    kept = {name: value for name, value in environ.items() if not name.startswith(_DROPPED)}
    if plan.usd is not None:
        kept |= {name: environ[name] for name in _MODEL if name in environ}
    kept["PYTHONPATH"] = python_path(_PACKAGES_FOLDER, environ)

    async def one(scenario: Scenario, run: int) -> Verdict:
        async with slots:
            stage = prepare(scenario, run, plan.out, plan.ports.take())
            verdict = judge(scenario, await _told(stage, kept, _options(plan)), run)
        plan.tell(verdict)
        return verdict

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(one(scenario, run))
                for scenario in plan.scenarios
                for run in range(1, plan.repeats + 1)
            ]
    except* UsageError as errors:
        raise errors.exceptions[0] from None
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
    return [task.result() for task in tasks]


def _options(plan: Plan) -> tuple[str, ...]:
    return ("--no-llm",) if plan.usd is None else ("--llm", "--max-cost-usd", f"{plan.usd:g}")


async def _told(stage: Stage, environ: Mapping[str, str], options: Sequence[str]) -> Told:
    code = await _session(stage, environ, options)
    if code not in _AUDITED:
        how = "did not end in time" if code is None else f"ended with exit code {code}"
        return Told(findings=(), problem=f"the session {how}; {stage.output} holds what it printed")
    return read(stage)


async def _session(stage: Stage, environ: Mapping[str, str], options: Sequence[str]) -> int | None:
    """The exit code; None for a session that did not end in time."""
    command = [
        sys.executable,
        "-P",
        "-m",
        "orchestrator",
        "run",
        "--config",
        str(stage.config),
        "--verbose",
        *options,
    ]
    with stage.output.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=stage.folder,
            env=dict(environ),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=asyncio.subprocess.STDOUT,
            # A Ctrl-C reaches it once, from us, and not from the terminal as well.
            start_new_session=True,
        )
    try:
        async with asyncio.timeout(stage.scenario.facts.duration + _BEYOND_WINDOW_S):
            return await process.wait()
    except TimeoutError:
        await _stop(process)
        return None
    except asyncio.CancelledError:
        await _stop(process)
        raise


async def _stop(process: Process) -> None:
    """Ask the session to end, and its services and server with it; what does not is killed, and its keeper cleans up."""
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGINT)
    try:
        async with asyncio.timeout(_STOP_S):
            await process.wait()
    except TimeoutError:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


def read(stage: Stage) -> Told:
    """What the session left in its workspace; evidence is verified against its sources once more."""
    workspace = stage.workspace
    try:
        facts = session_facts.read(workspace)
        findings: tuple[Finding, ...] = tuple(
            finding for agent in AgentId for finding in load(workspace.findings(agent))
        )
        said = tuple(reading for agent in AgentId for reading in readings.read(workspace, agent))
        report = msgspec.json.decode(workspace.path("report.json").read_bytes(), type=_Report)
        marks = _marks(stage.marks)
        key = stage.state_db.parent / "mask.key"
        masking.use_key(masking.load_key(key) if key.exists() else None)
        evidence = verify(workspace, stage.project)
    except (OSError, msgspec.MsgspecError, JournalCorrupt) as error:
        return Told(findings=(), problem=f"its workspace cannot be read ({error})")
    return Told(
        findings=findings,
        clusters=report.clusters,
        started_ms=facts.started_ms,
        marks=marks,
        evidence_checked=evidence.checked,
        evidence_held=evidence.proven + evidence.copy_only,
        readings=said,
        model_use=facts.model_use,
    )


def _marks(path: Path) -> dict[str, int]:
    if not path.exists():
        return {}
    found: dict[str, int] = {}
    for line in path.read_bytes().splitlines():
        mark = msgspec.json.decode(line, type=_Mark)
        found.setdefault(mark.mark, mark.at_ms)
    return found
