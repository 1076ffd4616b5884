"""How programs are started: what they get to see, how long, how much, and that nothing of theirs is left."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial
from pathlib import Path

import psutil
import pytest

from tests.fakes.waiting import wait_for
from tests.functions.commands.stand_ins import StandIn, on_path
from tests.functions.desks import SECRET, desk_at
from tools.errors import FunctionRefused
from tools.functions.commands import runner
from tools.functions.commands.runner import Command, run
from tools.functions.contract import Desk, Limits


@pytest.fixture
def program(tmp_path: Path) -> StandIn:
    return StandIn(tmp_path / "bin", "looker")


@pytest.fixture
def desk(tmp_path: Path, program: StandIn) -> Desk:
    hostile = {
        "LD_PRELOAD": "/x.so",
        "PAGER": "touch pwned",
        "LESSOPEN": "|touch pwned",
        "GIT_DIR": "/x",
        "SECRET_X": SECRET,
    }
    return on_path(desk_at(tmp_path), tmp_path / "bin", **hostile).begun()


def test_a_program_gets_its_arguments_and_a_small_environment(desk: Desk, program: StandIn) -> None:
    program.prints("one\ntwo\n")
    output = run(desk, Command("looker", ("a b", "$(touch pwned)", ";", "*")))
    assert (output.lines, output.cut) == (("one", "two"), False)
    (started,) = program.started()
    assert started.arguments == ["a b", "$(touch pwned)", ";", "*"]
    assert started.cwd == "/"
    assert started.environ.keys() - {"PWD", "SHLVL", "_", "OLDPWD"} <= {
        "PATH",
        "HOME",
        "LC_ALL",
        "TERM",
        "COLUMNS",
        "TZ",
    }
    assert started.environ["HOME"] == "/nonexistent"


def test_only_what_a_command_names_is_passed_and_not_where_it_leads_into_the_project(
    desk: Desk, program: StandIn
) -> None:
    inside = str(desk.project_root / "config")
    desk = replace(desk, environ={**desk.environ, "GOOD": "/opt/good", "BAD": inside})
    run(desk, Command("looker", (), ("GOOD", "BAD", "MISSING"), {"OURS": "1"}, home=True))
    (started,) = program.started()
    assert started.environ["GOOD"] == "/opt/good"
    assert started.environ["OURS"] == "1"
    assert started.environ["HOME"] == desk.environ["HOME"]
    assert "BAD" not in started.environ


def test_programs_of_the_audited_project_are_not_found(desk: Desk) -> None:
    own = StandIn(desk.project_root / "node_modules" / ".bin", "theirs")
    link = StandIn(desk.project_root / "elsewhere", "linked")
    outside = Path(desk.environ["HOME"]) / "linked"
    outside.symlink_to(desk.project_root / "elsewhere" / "linked")
    path = os.pathsep.join(["", ".", "relative/bin", str(own.log.parent), desk.environ["PATH"]])
    desk = replace(desk, environ={**desk.environ, "PATH": path})
    for name in ("theirs", "linked"):
        with pytest.raises(FunctionRefused, match="is not installed here"):
            run(desk, Command(name, ()))
    assert own.started() == []
    assert link.started() == []


def test_one_that_is_not_installed_says_what_to_do(desk: Desk) -> None:
    with pytest.raises(FunctionRefused, match=r"nowhere is not installed here\. Use another\."):
        run(desk, Command("nowhere", (), install="Use another."))


def test_what_it_says_when_it_fails_is_told_masked(desk: Desk, program: StandIn) -> None:
    program.prints("", code=3, errors=f"first {SECRET}\nmore\nlast words\n")
    with pytest.raises(FunctionRefused, match=r"looker failed: first \[masked:.*last words\.") as told:
        run(desk, Command("looker", ("x",)))
    assert SECRET not in str(told.value)


def test_what_it_says_while_it_goes_on_is_not_lost(desk: Desk, program: StandIn) -> None:
    program.prints("", code=3, errors="first words\n", then="sleep 0.2; echo more >&2; sleep 0.2")
    with pytest.raises(FunctionRefused, match=r"looker failed: first words more\."):
        run(desk, Command("looker", ()))


def test_output_is_masked_over_lines(desk: Desk, program: StandIn) -> None:
    program.prints(
        f"a {SECRET}\n-----BEGIN PRIVATE KEY-----\n{'QUJD' * 16}\n-----END PRIVATE KEY-----\nend\n"
    )
    text = "\n".join(run(desk, Command("looker", ())).lines)
    assert SECRET not in text
    assert "QUJDQUJD" not in text
    assert text.endswith("end")


def test_output_beyond_the_limit_ends_the_program(desk: Desk, program: StandIn) -> None:
    program.prints("", then="while :; do echo 0123456789012345678901234567890123456789; done")
    output = run(desk, Command("looker", ()))
    assert output.cut
    assert sum(map(len, output.lines)) <= runner.OUTPUT_BYTES_MAX
    with pytest.raises(FunctionRefused, match="printed more than"):
        runner.raw(desk, Command("looker", ()))


def test_one_that_does_not_end_is_killed_with_all_that_it_started(
    desk: Desk, program: StandIn, tmp_path: Path
) -> None:
    pids = tmp_path / "pids"
    program.prints("", then=f"sleep 1000 & echo $! >> '{pids}'; echo $$ >> '{pids}'; wait")
    desk = replace(desk, limits=Limits(seconds=1.0)).begun()
    with pytest.raises(FunctionRefused, match="did not end within 1 s and was killed"):
        run(desk, Command("looker", ()))
    for pid in map(int, pids.read_text(encoding="utf-8").split()):
        wait_for(partial(has_ended, pid), what=f"the end of process {pid}")


def test_what_a_program_left_running_is_killed(desk: Desk, program: StandIn, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    program.prints("done\n", then=f"sleep 1000 >/dev/null 2>&1 & echo $! > '{pids}'")
    assert run(desk, Command("looker", ())).lines == ("done",)
    pid = int(pids.read_text(encoding="utf-8"))
    wait_for(partial(has_ended, pid), what="the end of what was left")


def test_a_program_that_reads_its_input_finds_none(desk: Desk, program: StandIn) -> None:
    program.prints("", then="cat; echo read")
    assert run(desk, Command("looker", ())).lines == ("read",)


def test_much_on_standard_error_does_not_hold_it_up(desk: Desk, program: StandIn) -> None:
    program.prints("", then="head -c 3000000 /dev/zero | tr '\\0' 'e' >&2; echo end")
    assert run(desk, Command("looker", ())).lines == ("end",)


def has_ended(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
