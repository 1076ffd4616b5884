"""Every error has one exit code and one sentence."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import typer

from orchestrator.cli.boundary import StateFolder, exit_code_of, keep_traceback, say, shielded
from orchestrator.cli.summary import meaning
from tools.errors import ConfigError, LockHeld, PreflightFailed, StreamgaugeError, UsageError


def raising(error: BaseException) -> object:
    raise error


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        pytest.param(UsageError("no such thing"), 2, "no such thing", id="usage"),
        pytest.param(
            ConfigError("wrong", remedy="Mend it", file="a.toml", line=3, key="k"), 2, "a.toml:3", id="file"
        ),
        pytest.param(PreflightFailed("no server"), 3, "no server", id="pre-flight"),
        pytest.param(LockHeld("held by pid 7"), 75, "held by pid 7", id="lock"),
        pytest.param(StreamgaugeError("odd"), 4, "odd", id="any other of ours"),
        pytest.param(KeyboardInterrupt(), 130, "no session was begun", id="interrupt"),
        pytest.param(ZeroDivisionError("oops"), 4, "internal error (ZeroDivisionError)", id="bug"),
    ],
)
def test_an_error_becomes_its_exit_code_and_a_sentence(
    error: BaseException, code: int, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code_of(lambda: raising(error), StateFolder(tmp_path)) == code
    told = capsys.readouterr().err
    assert message in told
    assert "Traceback" not in told


@pytest.mark.parametrize(("result", "code"), [(None, 0), (0, 0), (1, 1), (143, 143)])
def test_what_a_command_returns_is_its_exit_code(result: object, code: int, tmp_path: Path) -> None:
    assert exit_code_of(lambda: result, StateFolder(tmp_path)) == code


def test_errors_of_the_command_line_itself_pass_through(tmp_path: Path) -> None:
    with pytest.raises(typer.Exit):
        exit_code_of(lambda: raising(typer.Exit(2)), StateFolder(tmp_path))


def test_an_internal_error_keeps_its_traceback_without_secrets(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    error = ValueError("redis://user:hunter2hunter2@host \udc80")
    exit_code_of(lambda: raising(error), StateFolder(tmp_path / "state"))
    (file,) = (tmp_path / "state").iterdir()
    text = file.read_text(encoding="utf-8")
    assert "Traceback" in text
    assert "hunter2" not in text
    assert str(file) in capsys.readouterr().err


def test_a_state_folder_that_cannot_be_written_does_not_hide_the_error(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.touch()
    place = keep_traceback(ValueError("x"), blocked)
    assert place.is_file()
    place.unlink()


def test_a_view_that_breaks_is_told_and_ends_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shielded(lambda: raising(ValueError("x")), tmp_path)()
    assert "the session goes on" in capsys.readouterr().err


def test_a_message_holds_no_control_characters_and_no_secret(capsys: pytest.CaptureFixture[str]) -> None:
    say("bad \x1b[31mname\x07\nredis://u:hunter2hunter2@h")
    assert capsys.readouterr().err == (
        "streamgauge: bad name\\x07\nstreamgauge: redis://u:[masked:url-credentials]@h\n"
    )


def test_a_reader_that_leaves_is_no_error(tmp_path: Path) -> None:
    code = (
        "import os, sys\nfrom pathlib import Path\n"
        "from orchestrator.cli.boundary import StateFolder, exit_code_of\n"
        "def talk():\n    while True:\n        sys.stdout.write('x' * 65536)\n"
        "sys.exit(exit_code_of(talk, StateFolder(Path.cwd())))\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(10)
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_any_other_failure_of_a_file_is_an_internal_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    error = OSError(28, "No space left on device")
    assert exit_code_of(lambda: raising(error), StateFolder(tmp_path)) == 4
    assert "internal error (OSError)" in capsys.readouterr().err


def test_an_exit_code_is_explained_with_the_severity_asked_for() -> None:
    assert meaning(1, "medium") == "findings at or above medium"
    assert meaning(75, "medium") == "another session holds the lock"
