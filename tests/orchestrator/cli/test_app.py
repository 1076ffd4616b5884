"""The commands as a user types them: exit codes, what is printed where."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.cli.app import app
from orchestrator.cli.run import Output, Show
from orchestrator.config.model import Config
from tests.conftest import free_port
from tests.orchestrator.cli.conftest import LAG, Recorded
from tools.sources.redis.target import SCHEMES

PROJECT = {
    "app.py": "import redis\nredis.Redis().xadd('orders', {'a': 1})\n",
    "streamgauge.toml": "[project]\n",
}


def typed(
    *arguments: str, cwd: Path, environ: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "orchestrator", *arguments],
        cwd=cwd,
        env={**os.environ, **(environ or {})},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in PROJECT.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    "case",
    [
        pytest.param((["run"], 2, "Nothing says what to audit"), id="nothing configured"),
        pytest.param((["run", "--duraton", "1m"], 2, "--duration"), id="no such option"),
        pytest.param((["rum"], 2, "run"), id="no such command"),
        pytest.param((["run", "--duration", "soon", "--mode", "static"], 2, "--duration"), id="no duration"),
        pytest.param(
            (["run", "--llm", "--mode", "static"], 2, "ANTHROPIC_API_KEY is not set"), id="model, no key"
        ),
        pytest.param((["run", "--mode", "replay"], 2, "Which session?"), id="replay"),
        pytest.param(
            (["run", "--mode", "static", "--baseline", "x"], 2, "There is no session 'x'"), id="comparison"
        ),
        pytest.param(
            (["run", "--mode", "managed"], 2, "redis.url is not set"), id="managed without a server"
        ),
        pytest.param(
            (["run", "--mode", "static", "--resume"], 2, "holds no session"), id="nothing to resume"
        ),
        pytest.param(
            (["run", "--demo", "--project", "x"], 2, "leave --project"), id="demo of something else"
        ),
        pytest.param((["run", "--demo-profile", "x"], 2, "faulty or healthy"), id="no such profile"),
        pytest.param((["findings"], 2, "holds no session"), id="findings of nothing"),
        pytest.param((["verify"], 2, "holds no session"), id="verify nothing"),
        pytest.param((["report"], 2, "holds no session"), id="report on nothing"),
        pytest.param((["findings", "--format", "xml"], 2, "There is no format"), id="no such format"),
        pytest.param((["doctor", "--redis-url", "redis://127.0.0.1:1"], 3, ""), id="doctor finds a fault"),
        pytest.param((["doctor", "--mode", "static"], 0, ""), id="doctor finds none"),
        pytest.param((["plan", "--mode", "static"], 0, ""), id="plan"),
        pytest.param((["version"], 0, ""), id="version"),
        pytest.param((["--version"], 0, ""), id="version as an option"),
        pytest.param((["findings", "--agent", "x"], 2, "Use one of log-watcher"), id="no such agent"),
    ],
)
def test_a_command_ends_with_its_exit_code_and_says_why(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    case: tuple[list[str], int, str],
) -> None:
    arguments, code, message = case
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        app(arguments)
    told = capsys.readouterr().err
    assert (ended.value.code, message in told) == (code, True), told
    assert "Traceback" not in told


def test_the_version_is_the_same_however_it_is_asked_for(tmp_path: Path) -> None:
    told = {typed(word, cwd=tmp_path).stdout for word in ("version", "--version")}
    assert len(told) == 1
    assert told != {""}


@pytest.mark.parametrize("arguments", [["findings"], ["version"], ["--help"], ["findings", "--agent", "x"]])
def test_closed_standard_streams_are_no_error(recorded: Recorded, arguments: list[str]) -> None:
    recorded.begin()
    folder = recorded.workspace.root.parent
    line = ["sh", "-c", 'exec "$@" >&- 2>&-', "sh", sys.executable, "-m", "orchestrator", *arguments]
    done = subprocess.run(line, cwd=folder, check=False, timeout=60)
    assert done.returncode == (2 if "--agent" in arguments else 0)
    assert not list(folder.glob(".state/streamgauge-error-*"))


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (["findings"], "RSA-001"),
        (["findings", "RSA-001"], "RSA-001"),
        (["report"], "health"),
        (["verify"], "pieces of evidence"),
        (["trace", "nothing-like-it"], "names 'nothing-like-it'"),
    ],
)
@pytest.mark.parametrize("is_link", [False, True])
def test_a_workspace_may_be_named_by_a_way_back(
    recorded: Recorded, command: list[str], told: str, is_link: bool
) -> None:
    recorded.begin()
    recorded.record(LAG, "late", stream="orders")
    root = recorded.workspace.root
    name = root.name
    if is_link:
        name = "linked"
        (root.parent / name).symlink_to(root)
    (root.parent / "elsewhere").mkdir()
    done = typed(*command, "--workspace", f"../{name}", cwd=root.parent / "elsewhere")
    assert told in done.stdout + done.stderr
    assert done.returncode in {0, 1}, done.stderr


def test_a_run_is_written_where_a_way_back_leads(project: Path) -> None:
    (project / "elsewhere").mkdir()
    words = ["run", "--mode", "static", "--quiet", "--project", "..", "--workspace", "../ws"]
    done = typed(*words, cwd=project / "elsewhere")
    assert done.returncode in {0, 1}, done.stderr
    assert (project / "ws" / "SESSION_ID").exists()


def test_help_names_every_form_of_an_address(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        app(["run", "--help"])
    told = capsys.readouterr().out
    assert not [
        f"{name}://" for name in SCHEMES if f"{name}://" not in told and not name.startswith("rediss+")
    ]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux only")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    "words", ["version", "--version", "--help", "trace --help", "findings --format json", "run --mode static"]
)
def test_output_that_cannot_be_written_is_told_and_no_error_of_ours(
    recorded: Recorded, words: str, unbuffered: str
) -> None:
    recorded.begin()
    folder = recorded.workspace.root.parent
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "orchestrator", *words.split()],
            cwd=folder,
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=60,
        )
    told = "streamgauge: the output cannot be written: No space left on device. Send it elsewhere.\n"
    assert (done.returncode, done.stderr) == (2, told)
    assert not list(folder.glob(".state/streamgauge-error-*"))


def test_a_report_that_cannot_be_written_is_one_sentence(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    recorded.begin()
    (recorded.workspace.path("report.json") / "in-the-way").mkdir(parents=True)
    monkeypatch.chdir(recorded.workspace.root.parent)
    with pytest.raises(SystemExit) as ended:
        app(["report"])
    told = capsys.readouterr().err
    assert ended.value.code == 2
    assert told.startswith("streamgauge: The report cannot be written to monitor-session: ")
    assert told.count("\n") == 1


def test_an_interrupt_while_the_words_are_read_is_told_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_args: object, **_more: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("typer.core.TyperGroup.make_context", interrupted)
    with pytest.raises(SystemExit) as ended:
        app(["run"])
    assert ended.value.code == 130
    assert capsys.readouterr().err == "streamgauge: ended by Ctrl-C; no session was begun.\n"


@pytest.mark.parametrize(
    ("begins", "told"),
    [
        pytest.param(False, "no session was begun", id="before anything exists"),
        pytest.param(True, "before the session was under way; no report was written", id="folder made"),
    ],
)
def test_an_early_interrupt_says_what_there_is(
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    begins: bool,
    told: str,
) -> None:
    async def interrupted(config: Config, *_args: object, **_more: object) -> None:
        if begins:
            config.output.workspace.mkdir()
            (config.output.workspace / "SESSION_ID").touch()
        raise KeyboardInterrupt

    monkeypatch.chdir(project)
    monkeypatch.setattr("orchestrator.session.run.run_session", interrupted)
    with pytest.raises(SystemExit) as ended:
        app(["run", "--quiet"])
    assert ended.value.code == 130
    errors = capsys.readouterr().err
    assert told in errors
    assert errors.count("\n") == 1


def test_a_static_run_tells_its_story_and_its_end(project: Path) -> None:
    done = typed("run", "--fail-on", "never", cwd=project)
    assert done.returncode in {0, 3}, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("streamgauge ")
    assert "static session" in lines[0]
    assert any(line.endswith("preflight started") for line in lines)
    assert any(line.startswith("health ") for line in lines)
    report = next(line for line in lines if line.startswith("report ")).split()[1]
    assert Path(report).is_file()
    assert lines[-1].startswith(f"exit code  {done.returncode}: ")
    assert typed("verify", cwd=project).returncode == 0
    assert typed("report", cwd=project).returncode == 0


@pytest.mark.parametrize(
    ("show", "is_terminal", "output"),
    [
        pytest.param(Show(), True, Output.LIVE, id="terminal"),
        pytest.param(Show(), False, Output.PLAIN, id="no terminal"),
        pytest.param(Show(plain=True), True, Output.PLAIN, id="plain on a terminal"),
        pytest.param(Show(verbose=True), True, Output.VERBOSE, id="verbose"),
        pytest.param(Show(quiet=True, verbose=True), True, Output.QUIET, id="quiet wins"),
    ],
)
def test_what_is_shown_follows_from_switches_and_terminal(
    show: Show, is_terminal: bool, output: Output
) -> None:
    assert show.output(is_terminal=is_terminal) is output


def test_a_run_whose_output_nobody_reads_keeps_its_exit_code(project: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "orchestrator", "run", "--fail-on", "never"],
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        errors = process.stderr.read()
    assert process.returncode in {0, 3}
    assert errors == b""
    assert list((project / "monitor-session").glob("REPORT_*.md"))


def test_findings_are_listed_as_json_for_programs(recorded: Recorded) -> None:
    recorded.begin()
    recorded.record(LAG, "orders falls behind", stream="orders")
    folder = recorded.workspace.root.parent
    done = typed("findings", "--severity", "high", "--format", "json", cwd=folder)
    assert [item["findingId"] for item in json.loads(done.stdout)] == ["RSA-001"]
    assert "reply for orders" in typed("findings", "RSA-001", cwd=folder).stdout


def test_a_project_without_configuration_is_planned_from_its_own_files(tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / ".env").write_text(f"REDIS_URL=redis://127.0.0.1:{port}/0\n", encoding="utf-8")
    (tmp_path / "Procfile").write_text("web: node web.js\n", encoding="utf-8")
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "web.log").touch()
    free = {"STREAMGAUGE_REDIS_URL": "", "REDIS_URL": ""}
    managed = typed("plan", cwd=tmp_path, environ=free).stdout
    assert "managed: start commands are known" in managed
    assert "starts web: node web.js" in managed
    assert "web.log" not in managed
    with socket.create_server(("127.0.0.1", port)):
        attached = typed("plan", cwd=tmp_path, environ=free).stdout
    assert "attach: " in attached
    assert "starts and stops nothing" in attached
    assert "web.log" in attached


def test_init_then_plan_work_in_a_fresh_project(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("REDIS_URL=redis://127.0.0.1:1/0\n", encoding="utf-8")
    assert typed("init", cwd=tmp_path).returncode == 0
    done = typed("plan", cwd=tmp_path)
    assert done.returncode == 0
    assert "attach" in done.stdout
    assert typed("init", cwd=tmp_path).returncode == 2


def test_schemas_are_written_for_findings_report_and_configuration(tmp_path: Path) -> None:
    assert typed("schemas", "--to", "out", cwd=tmp_path).returncode == 0
    for name in ("finding", "report", "configuration"):
        data = json.loads((tmp_path / "out" / f"{name}.schema.json").read_text(encoding="utf-8"))
        assert data["$schema"].startswith("https://json-schema.org/")


def test_a_demo_ignores_what_points_elsewhere(tmp_path: Path) -> None:
    done = typed("plan", "--demo", cwd=tmp_path, environ={"REDIS_URL": "redis://production:6379"})
    assert done.returncode == 0
    assert "production" not in done.stdout
    assert str(tmp_path / ".state" / "demo" / "faulty") in done.stdout
