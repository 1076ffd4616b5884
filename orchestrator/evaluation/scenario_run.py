"""`streamgauge eval` over scenarios: runs them, says how right the audits were, and saves it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from orchestrator.config.llm_use import BASE_URL, KEY, VENDOR
from orchestrator.config.mode import port_is_free
from orchestrator.evaluation import scenarios, totals
from orchestrator.evaluation.sessions import Plan, run_all
from orchestrator.evaluation.stage import Ports
from orchestrator.evaluation.totals import Record, Totals
from tools.clock import Clock, iso
from tools.errors import UsageError
from tools.masking import mask
from tools.workspace import write_atomically

RESULTS, TABLE = "results.json", "table.txt"


class Terminated(Exception):
    """SIGTERM came; nothing that was started runs any more."""


@dataclass(frozen=True, slots=True)
class Order:
    """What was asked for. `folder` holds the scenarios, `names` picks some; results go below `out`.

    `usd`: a language model takes part and may cost so much in each run; None: rules only.
    """

    folder: Path
    names: tuple[str, ...]
    repeats: int
    jobs: int
    out: Path
    version: str
    usd: float | None = None


def evaluate(order: Order, environ: Mapping[str, str], clock: Clock, say: Callable[[str], None]) -> Totals:
    """Run and save; `say` gets a line for each run and the table.

    Raises UsageError (ConfigError for a scenario that cannot be used; also where a model is asked for without its
    key), KeyboardInterrupt and Terminated; by then nothing that was started runs any more.
    """
    if order.usd is not None and not environ.get(KEY, "").strip():
        raise UsageError(f"--llm needs {KEY} in the environment. Set it, or leave --llm out.")
    chosen = scenarios.read(order.folder, order.names)
    ports = Ports(port_is_free)
    plan = Plan(
        chosen,
        order.repeats,
        order.jobs,
        order.out,
        ports,
        lambda verdict: say(totals.progress(verdict)),
        order.usd,
    )
    try:
        order.out.mkdir(parents=True, exist_ok=True)
        if not (order.out / ".gitignore").exists():
            (order.out / ".gitignore").write_text("*\n", encoding="ascii")
    except OSError as error:
        raise UsageError(f"{order.out} cannot be written: {error.strerror or error}.") from error
    if order.usd is not None:
        runs = len(chosen) * order.repeats
        say(
            f"a language model takes part: {runs} runs, at most {order.usd:.2f} USD each, {runs * order.usd:.2f} in all"
        )
    try:
        verdicts = asyncio.run(run_all(plan, environ))
    except asyncio.CancelledError:
        raise Terminated from None
    result = totals.add_up(verdicts)
    table = list(totals.lines(result, verdicts))
    record = Record(
        version=order.version,
        at=iso(clock.now_ms()),
        language_model="off" if order.usd is None else f"asked at {_address(environ)}",
        repeats=order.repeats,
        totals=result,
        verdicts=tuple(verdicts),
    )
    try:
        data = msgspec.json.format(msgspec.json.encode(record), indent=2)
        write_atomically(order.out / RESULTS, data + b"\n")
        write_atomically(order.out / TABLE, "".join(f"{line}\n" for line in table).encode())
    except OSError as error:
        raise UsageError(f"{order.out} cannot be written: {error.strerror or error}.") from error
    say("")
    for line in table:
        say(line)
    return result


def _address(environ: Mapping[str, str]) -> str:
    """Where the model is asked: figures from elsewhere than its vendor are not the vendor's model's."""
    return mask(environ.get(BASE_URL, "").strip()) or VENDOR
