"""Signal files and a CSV of costs: gates, ends and figures of runs whose source does not tell them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from orchestrator.config.watch import WatchSection
from orchestrator.watch.beside import Beside
from orchestrator.watch.verdicts import verdict
from orchestrator.watch.views import View


def view(run_id: str = "r 1", **more: Any) -> View:
    values: dict[str, Any] = {"status": "RUNNING", "started_ms": 1, "progress": "p"}
    return View(source="x", run_id=run_id, kind="foreign", **(values | more))


@pytest.mark.parametrize(
    ("files", "outcome", "expected"),
    [
        pytest.param([], None, "VALIDATED", id="none"),
        pytest.param(["r_1.approved", "r_1.complete"], "COMPLETED", "VALIDATED", id="approved and complete"),
        pytest.param(["r_1/rejected"], None, "FAILED", id="rejected, in a folder"),
        pytest.param(["r_2.rejected"], None, "VALIDATED", id="of another run"),
    ],
)
def test_signal_files_are_gates_and_ends(
    tmp_path: Path, files: list[str], outcome: str | None, expected: str
) -> None:
    for name in files:
        (tmp_path / "signals" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "signals" / name).touch()
    beside = Beside(WatchSection(signals=Path("signals")), tmp_path)
    (found,) = beside.seen([view()])
    assert found.outcome == outcome
    assert verdict(found, "COMPLETED")[0] == expected
    assert (found.progress == "p") == (expected == "VALIDATED" and outcome is None)


@pytest.mark.parametrize(
    ("written_s", "outcome"),
    [
        pytest.param(997.9, None, id="before the run began"),
        pytest.param(998.0, "COMPLETED", id="as it began, in whole seconds"),
        pytest.param(2000.0, "COMPLETED", id="behind it"),
    ],
)
def test_the_end_of_an_earlier_run_of_its_id_ends_no_other(
    tmp_path: Path, written_s: float, outcome: str | None
) -> None:
    (tmp_path / "signals").mkdir()
    for name in ("r_1.complete", "r_1.approved"):
        (tmp_path / "signals" / name).touch()
        os.utime(tmp_path / "signals" / name, (written_s, written_s))
    (found,) = Beside(WatchSection(signals=Path("signals")), tmp_path).seen([view(started_ms=1_000_000)])
    assert found.outcome == outcome
    assert [gate.verdict for gate in found.gates] == ["approved"], "a gate may be opened before"


def test_rows_of_costs_are_added_up_and_never_stand_for_what_the_source_says(tmp_path: Path) -> None:
    (tmp_path / "costs.csv").write_text(
        "run_id,agent,input_tokens,output_tokens,cost_usd\na,x,10,5,0.5\na,y,1,,4.75\nb,x,what,,\n",
        encoding="utf-8",
    )
    beside = Beside(WatchSection(costs=Path("costs.csv")), tmp_path)
    a, b, c = beside.seen([view("a"), view("b"), view("a", tokens=7, cost_usd=1.0)])
    assert (a.tokens, a.cost_usd) == (16, 5.25)
    assert (b.tokens, b.cost_usd) == (None, None)
    assert (c.tokens, c.cost_usd) == (7, 1.0)


@pytest.mark.parametrize("figure", ["inf", "-inf", "nan", "1e999", "1e300"])
def test_a_figure_that_is_none_counts_nothing(tmp_path: Path, figure: str) -> None:
    (tmp_path / "costs.csv").write_text(
        f"run_id,tokens,cost_usd\nr 1,{figure},{figure}\nr 1,5,0.5\n", encoding="utf-8"
    )
    beside = Beside(WatchSection(costs=Path("costs.csv")), tmp_path)
    (found,) = beside.seen([view()])
    assert (found.tokens, found.cost_usd) == (5, 0.5)
