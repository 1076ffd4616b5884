"""Containers, as a stand-in for docker prints what docker prints; and the real client where there is one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fakes.docker_engine import Container, DockerEngine, NoEngine
from tests.fakes.waiting import wait_for
from tests.functions.commands.stand_ins import StandIn, lines, on_path
from tests.functions.desks import SECRET, desk_at, good, pages, refused
from tools.functions.contract import Desk

PS = [
    {"ID": f"{number}" * 12, "Names": name, "Image": "shop", "State": "running", "Status": "Up 2 hours",
     "Ports": "8080/tcp", "Command": f'"serve --token={SECRET}"', "Labels": f"secret={SECRET}", "Mounts": "/x"}
    for number, name in enumerate(["web", "billing", "mail"])
]  # fmt: skip
INSPECTED = {
    "name": "/web", "state": {"Status": "exited", "ExitCode": 137, "OOMKilled": True}, "restartCount": 4,
    "env": ["PATH=/bin", f"API_TOKEN={SECRET}", "EMPTY"],
}  # fmt: skip
HOSTILE = ["--help", "-v", "a b", "web;id", "$(id)", "../x", "web\n", "x" * 256, "", "{{.}}", "\x1b[31m"]


@pytest.fixture
def docker(tmp_path: Path) -> StandIn:
    return StandIn(tmp_path / "bin", "docker")


@pytest.fixture
def desk(tmp_path: Path, docker: StandIn) -> Desk:
    hostile = {
        "DOCKER_CONFIG": str(tmp_path / "shop" / ".docker"),
        "COMPOSE_FILE": "https://example.org/x.git",
    }
    return on_path(desk_at(tmp_path), tmp_path / "bin", DOCKER_HOST="unix:///x.sock", **hostile)


def test_containers_are_told_by_name(desk: Desk, docker: StandIn) -> None:
    docker.prints(lines(*PS) + "not json\n")
    rows = pages("command_docker_ps", desk, limit=1)
    assert [one["names"] for one in rows] == ["billing", "mail", "web"]
    assert SECRET not in str(rows)
    assert "labels" not in rows[0]
    assert [one["names"] for one in pages("command_docker_ps", desk, name="ai")] == ["mail"]
    started = docker.started()[0]
    assert started.arguments == ["ps", "--all", "--no-trunc", "--format={{json .}}"]
    assert started.environ["DOCKER_HOST"] == "unix:///x.sock"
    assert "DOCKER_CONFIG" not in started.environ
    assert "COMPOSE_FILE" not in started.environ


def test_a_container_is_told_without_the_values_of_its_variables(desk: Desk, docker: StandIn) -> None:
    docker.prints(lines(INSPECTED))
    answer = good("command_docker_inspect", desk, container="web")
    assert answer.data["variables"] == ["API_TOKEN", "EMPTY", "PATH"]
    assert answer.data["state"]["OOMKilled"] is True
    assert SECRET not in answer.text
    arguments = docker.started()[0].arguments
    assert arguments[:2] == ["inspect", "--type=container"]
    assert arguments[-2:] == ["--", "web"]


def test_a_log_is_told_newest_first_and_paged(desk: Desk, docker: StandIn) -> None:
    printed = [f"2026-01-31T12:00:0{number}.123456789Z line {number} {SECRET}" for number in range(5)]
    docker.prints("\n".join(printed) + "\n")
    answer = good("command_docker_logs", desk, container="web", limit=2, since="2026-01-31T12:00:00Z")
    assert [one["at"] for one in answer.data["items"]] == [text.split(" ")[0] for text in printed[:2:-1]]
    assert SECRET not in answer.text
    assert answer.next_page == "2"
    good("command_docker_logs", desk, container="web", limit=2, page="2")
    assert docker.started()[0].arguments == [
        "logs", "--timestamps", "--tail=3", "--since=1769860800.000", "--", "web",
    ]  # fmt: skip
    assert docker.started()[1].arguments[2] == "--tail=5"
    assert "Only the last 2000 lines" in refused("command_docker_logs", desk, container="web", page="1999")


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_that_is_no_containers_starts_nothing(desk: Desk, docker: StandIn, name: str) -> None:
    for function in ("command_docker_inspect", "command_docker_logs"):
        assert "container" in refused(function, desk, container=name)
    assert docker.started() == []


@pytest.mark.parametrize("name", [*HOSTILE[:7], "UPPER", "-x"])
def test_a_name_that_is_no_projects_starts_nothing(desk: Desk, docker: StandIn, name: str) -> None:
    assert "project" in refused("command_compose_ps", desk, project=name)
    assert docker.started() == []


def test_compose_containers_are_told_without_a_file_of_the_project(desk: Desk, docker: StandIn) -> None:
    docker.prints(
        lines(
            {"Name": "shop-web-1", "Service": "web", "State": "running", "Health": "healthy", "ExitCode": 0}
        )
    )
    (row,) = pages("command_compose_ps", desk)
    assert (row["service"], row["health"]) == ("web", "healthy")
    asked = docker.started()[-1]
    assert asked.arguments == ["compose", "--project-name=shop", "ps", "--all", "--format=json"]
    assert asked.cwd == "/"
    older = '[{"Name":"a","Service":"x"},{"Name":"b","Service":"y"}]\n'
    docker.prints(older)
    assert [one["service"] for one in pages("command_compose_ps", desk, project="other")] == ["x", "y"]


def test_compose_services_are_named_and_nothing_is_fetched(desk: Desk, docker: StandIn) -> None:
    assert "has no compose file" in refused("command_compose_services", desk)
    (desk.project_root / "compose.yaml").write_text("services: {}\n", encoding="utf-8")
    docker.prints("web\nbilling\n")
    assert good("command_compose_services", desk).data == {
        "file": "compose.yaml",
        "services": ["billing", "web"],
    }
    asked = docker.started()[-1]
    root = desk.project_root.resolve()
    assert asked.arguments == [
        "compose", f"--project-directory={root}", f"--file={root}/compose.yaml", "config", "--no-interpolate", "--services",
    ]  # fmt: skip
    assert asked.environ["COMPOSE_EXPERIMENTAL_GIT_REMOTE"] == "false"
    assert asked.environ["COMPOSE_EXPERIMENTAL_OCI_REMOTE"] == "false"


def test_what_compose_says_of_a_file_is_not_passed_on(desk: Desk, docker: StandIn) -> None:
    (desk.project_root / "compose.yaml").write_text("include: [/etc/shadow]\n", encoding="utf-8")
    docker.prints("", then='[ "$2" = version ] || { echo "cannot unmarshal root:x:0 into map" >&2; exit 1; }')
    said = refused("command_compose_services", desk)
    assert said == "docker compose cannot read compose.yaml: config_facts tells what we read."


def test_a_compose_file_that_leads_out_is_not_read(desk: Desk, docker: StandIn, tmp_path: Path) -> None:
    (tmp_path / "outside.yaml").write_text("services: {}\n", encoding="utf-8")
    (desk.project_root / "compose.yaml").symlink_to(tmp_path / "outside.yaml")
    assert "leads out of the project" in refused("command_compose_services", desk)
    assert docker.started() == []


def test_without_the_plug_in_compose_is_said_to_be_missing(desk: Desk, docker: StandIn) -> None:
    docker.prints("", code=1, errors="unknown flag: --short\n")
    assert "docker compose is not installed here" in refused("command_compose_ps", desk)


def test_the_real_client_without_an_engine_says_so(tmp_path: Path) -> None:
    if shutil.which("docker") is None:
        pytest.skip("docker is not on PATH")
    (tmp_path / "home").mkdir()
    desk = on_path(desk_at(tmp_path), tmp_path / "home", DOCKER_HOST=f"unix://{tmp_path}/no.sock")
    for name, arguments in (
        ("command_docker_ps", {}),
        ("command_docker_inspect", {"container": "web"}),
        ("command_docker_logs", {"container": "web"}),
    ):
        assert "docker failed: " in refused(name, desk, **arguments)
    assert list((tmp_path / "home").iterdir()) == []


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerEngine]:
    try:
        made = DockerEngine(tmp_path_factory.mktemp("docker"))
    except NoEngine as error:
        pytest.skip(str(error))
    yield made
    made.close()


def test_a_real_engine_tells_of_a_real_container(engine: DockerEngine, tmp_path: Path) -> None:
    desk = replace(desk_at(tmp_path), environ=dict(engine.environ))
    container = Container(engine, tmp_path, options=["--env", f"API_TOKEN={SECRET}", "--memory", "64m"])
    try:
        container.write(b"".join(b"line %d with %s\n" % (number, SECRET.encode()) for number in range(5)))
        wait_for(
            lambda: len(pages("command_docker_logs", desk, container=container.name)) == 5, what="five lines"
        )
        (row,) = pages("command_docker_ps", desk, name=container.name)
        assert (row["names"], row["state"]) == (container.name, "running")
        told = good("command_docker_inspect", desk, container=container.name)
        assert told.data["state"]["Status"] == "running"
        assert told.data["memoryBytes"] == 64 * 1024 * 1024
        assert "API_TOKEN" in told.data["variables"]
        logged = pages("command_docker_logs", desk, container=container.name, limit=2)
        assert [one["text"].split(" ")[1] for one in logged] == ["4", "3", "2", "1", "0"]
        assert all(one["at"] for one in logged)
        assert SECRET not in f"{row} {told.text} {logged}"
        engine.docker("kill", container.name)
        ended = good("command_docker_inspect", desk, container=container.name).data["state"]
        assert (ended["Status"], ended["ExitCode"]) == ("exited", 137)
        assert "No such" in refused("command_docker_logs", desk, container="there-is-none")
    finally:
        container.close()
