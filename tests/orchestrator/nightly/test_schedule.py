"""What platforms are given: read back as strictly as is at hand, with hostile folders and options in it."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path, PurePosixPath
from typing import Any

import jsonschema
import pytest
import yaml

from orchestrator.cli.app import app
from orchestrator.nightly.schedule import File, Schedule, files
from orchestrator.nightly.wish import Wish, schedule_of
from tests.orchestrator.nightly import shapes
from tools.errors import UsageError

HOSTILE = Path('/srv/it\'s 100% "shop" $HOME; rm -rf #x')
ARGUMENTS = ("--mode", "attach", "--redis-url", "redis://127.0.0.1/0?a=$B&c='%d'")


def made(platform: str, folder: Path = HOSTILE, **more: Any) -> tuple[File, ...]:
    wish = Wish(platform=platform, arguments=ARGUMENTS, **more)
    return files(platform, schedule_of(wish, folder, 600))


def unit(text: str) -> dict[str, list[tuple[str, str]]]:
    """A unit file, every line of which must be a section, a key with a value, a comment or empty."""
    found: dict[str, list[tuple[str, str]]] = {}
    section = ""
    for line in text.splitlines():
        if match := re.fullmatch(r"\[(\w+)\]", line):
            section = match.group(1)
            found[section] = []
        elif line and not line.startswith("#"):
            key, value = re.fullmatch(r"([A-Z]\w+)=(.+)", line).groups()  # type: ignore[union-attr]
            found[section].append((key, value))
    return found


def words_of_unit(line: str) -> list[str]:
    """A command line as systemd reads it: quotes and escapes, then %% and $$."""
    return [word.replace("%%", "%").replace("$$", "$") for word in shlex.split(line)]


@pytest.mark.parametrize("run_as", ["", "audit"])
def test_a_timer_and_its_service_hold_what_was_asked(tmp_path: Path, run_as: str) -> None:
    service, timer = made("systemd", zone="Europe/Berlin", at="23:05", jitter="90s", run_as=run_as)
    assert (service.name, timer.name) == (
        "streamgauge-it-s-100-shop-home-rm-rf-x.service",
        "streamgauge-it-s-100-shop-home-rm-rf-x.timer",
    )
    parts = dict(unit(service.text)["Service"])
    assert words_of_unit(parts["ExecStart"])[1:] == ["run", "--nightly", *ARGUMENTS]
    assert parts["WorkingDirectory"].replace("%%", "%") == str(HOSTILE)
    assert (parts["SuccessExitStatus"], parts["TimeoutStartSec"]) == ("1 75", "4290s")
    assert parts.get("User", "") == run_as
    times = dict(unit(timer.text)["Timer"])
    assert times == {
        "OnCalendar": "*-*-* 23:05:00 Europe/Berlin",
        "RandomizedDelaySec": "90s",
        "Persistent": "true",
    }
    assert unit(timer.text)["Install"] == [("WantedBy", "timers.target")]
    verified(tmp_path, service, timer)


def verified(folder: Path, *units: File) -> None:
    """By systemd itself, where it is there."""
    if shutil.which("systemd-analyze") is None:
        return
    for item in units:
        # The folder and the user of a schedule need not be here; systemd asks for them.
        text = re.sub("^WorkingDirectory=.*$", f"WorkingDirectory={folder}", item.text, flags=re.MULTILINE)
        (folder / item.name).write_text(text.replace("User=audit", "User=root"), encoding="utf-8")
    paths = [str(folder / item.name) for item in units]
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *paths], capture_output=True, text=True, check=False
    )
    assert (done.returncode, [line for line in done.stderr.splitlines() if units[0].name in line]) == (0, [])


def test_a_cron_line_is_one_command_for_a_shell(tmp_path: Path) -> None:
    folder = tmp_path / HOSTILE.name
    folder.mkdir()
    (file,) = made("cron", folder, at="00:30")
    *comments, line = file.text.splitlines()
    assert all(comment.startswith("#") for comment in comments)
    minute, hour, *rest, command = line.split(" ", 5)
    assert (minute, hour, rest) == ("30", "0", ["*", "*", "*"])
    assert "%" not in command.replace("\\%", "")
    # cron makes \% a % and gives the rest to sh; there `exec` shows what would run, and where.
    shown = command.replace("\\%", "%").replace("exec ", "exec printf '%s\\n' \"$PWD\" ", 1)
    done = subprocess.run(["/bin/sh", "-c", shown], capture_output=True, text=True, check=True)
    told = done.stdout.splitlines()
    assert told[0] == str(folder)
    assert told[2:] == ["run", "--nightly", "--jitter", "15m", "--quiet", *ARGUMENTS]


def test_a_workflow_has_the_shape_that_github_reads(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    folder = tmp_path / "services" / "my shop"
    folder.mkdir(parents=True)
    (file,) = made("github", folder, source="acme/streamgauge@0123abc")
    workflow = yaml.safe_load(file.text)
    jsonschema.Draft202012Validator(shapes.WORKFLOW).validate(workflow)
    steps = workflow["jobs"]["audit"]["steps"]
    assert steps[1]["with"] == {
        "repository": "acme/streamgauge",
        "ref": "0123abc",
        "path": "streamgauge",
        "persist-credentials": False,
    }
    audit = next(step for step in steps if step.get("name") == "Audit")
    assert audit["working-directory"] == "project/services/my shop"
    assert tuple(shlex.split(audit["run"])[-len(ARGUMENTS) :]) == ARGUMENTS
    assert "${{" not in audit["run"]
    assert steps[3]["with"]["path"] == steps[6]["with"]["path"] == "state"


def test_a_cron_job_has_the_shape_that_kubernetes_reads() -> None:
    (file,) = made("kubernetes", zone="Europe/Berlin", image="registry.example:5000/streamgauge@sha256:0a")
    claim, job = yaml.safe_load_all(file.text)
    jsonschema.Draft202012Validator(shapes.CLAIM).validate(claim)
    jsonschema.Draft202012Validator(shapes.CRON_JOB).validate(job)
    spec = job["spec"]
    assert (spec["concurrencyPolicy"], spec["startingDeadlineSeconds"], spec["timeZone"]) == (
        "Forbid",
        7200,
        "Europe/Berlin",
    )
    pod = spec["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert tuple(container["args"][-len(ARGUMENTS) :]) == ARGUMENTS
    mounted = {mount["name"] for mount in container["volumeMounts"]}
    assert mounted == {volume["name"] for volume in pod["volumes"]}
    assert pod["volumes"][1]["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]


@pytest.mark.parametrize(
    ("wish", "told"),
    [
        pytest.param(Wish(platform="at"), "There is no platform 'at'", id="platform"),
        pytest.param(Wish(platform="cron", at="24:00"), "'24:00' is no time of day", id="hour"),
        pytest.param(Wish(platform="cron", at="2:7"), "'2:7' is no time of day", id="minute"),
        pytest.param(Wish(platform="systemd", zone="Mars/Base"), "no zone 'Mars/Base'", id="zone"),
        pytest.param(Wish(platform="systemd", zone="../../etc/passwd"), "no zone", id="zone that leads out"),
        pytest.param(Wish(platform="cron", zone="UTC"), "the machine's time zone", id="cron has no zone"),
        pytest.param(Wish(platform="github", zone="Europe/Berlin"), "are in UTC", id="github is in UTC"),
        pytest.param(Wish(platform="cron", jitter="soon"), "'soon' is not a duration", id="jitter"),
        pytest.param(Wish(platform="cron", jitter="2d"), "no more than 1d", id="too much jitter"),
        pytest.param(Wish(platform="kubernetes", name="Shop_1"), "--name", id="name"),
        pytest.param(Wish(platform="systemd", run_as="a\nExecStart=x"), "--run-as", id="user"),
        pytest.param(Wish(platform="kubernetes", image="a b"), "--image", id="image"),
        pytest.param(Wish(platform="github", source="acme/x"), "--source", id="source"),
        pytest.param(Wish(platform="systemd", arguments=("a\nb",)), "control character", id="line break"),
        pytest.param(
            Wish(platform="github", arguments=("${{ secrets.X }}",)), "for an expression", id="expression"
        ),
    ],
)
def test_what_cannot_be_is_told_now(wish: Wish, told: str) -> None:
    with pytest.raises(UsageError, match=re.escape(told)):
        schedule_of(wish, Path("/srv/shop"), 600)


def test_a_folder_without_a_name_that_fits_is_called_after_us() -> None:
    assert schedule_of(Wish(platform="cron"), Path("/"), 600).name == "streamgauge"
    assert schedule_of(Wish(platform="cron"), Path("/srv/Bücher"), 600).name == "streamgauge-b-cher"


def call(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        app(["schedule", *words])
    told = capsys.readouterr()
    return int(str(ended.value.code)), told.out, told.err


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "streamgauge.toml").write_text("[session]\nduration = '30m'\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_command_prints_or_writes_and_spares_what_is_there(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = call(capsys, "systemd", "--name", "night", "--", "--mode", "attach", "--duration", "20m")
    assert code == 0
    assert out.startswith("# night.service\n")
    assert "TimeoutStartSec=5700s" in out
    assert list(project.iterdir()) == [project / "streamgauge.toml"]
    assert call(capsys, "cron", "--name", "night", "--to", "out")[0] == 0
    assert call(capsys, "cron", "--name", "night", "--to", "out")[0] == 0
    code, _, err = call(capsys, "cron", "--name", "night", "--to", "out", "--at", "03:00")
    assert (code, "says something else" in err) == (2, True)
    assert call(capsys, "cron", "--name", "night", "--to", "out", "--at", "03:00", "--force")[0] == 0
    assert "\n0 3 * * * cd " in (project / "out" / "night.cron").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["cron", "--", "--duraton", "1m"], "No such option"),
        (["cron", "--", "--project", "x"], "--project is no option behind --"),
        (["cron", "--", "--mode", "replay"], "Leave --resume and replays out"),
        (["cron", "--project", "nowhere"], "is not a folder"),
    ],
)
@pytest.mark.usefixtures("project")
def test_a_wrong_option_fails_now_and_not_at_night(
    capsys: pytest.CaptureFixture[str], words: list[str], told: str
) -> None:
    code, out, err = call(capsys, *words)
    assert (code, told in err, out) == (2, True, ""), err


def test_every_document_is_plain_data() -> None:
    (file,) = files(
        "kubernetes",
        Schedule(
            name="n",
            hour=0,
            minute=0,
            zone=None,
            jitter_s=0,
            window_s=0,
            program=("p",),
            arguments=("yes", "1", "null", "- x", "a: b"),
            folder=Path("/p"),
            inside=PurePosixPath(),
        ),
    )
    _, job = yaml.safe_load_all(file.text)
    args = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["args"]
    assert args[-5:] == ["yes", "1", "null", "- x", "a: b"]
    assert "--jitter" not in args
    assert json.loads(json.dumps(job)) == job
