"""The example fleet: assembling, renaming, its list of faults, and a start and stop on a real server."""

import ast
import importlib.util
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.conftest import Server, free_port

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SEEDS = (1, 7, 20240229)


def load_fleet_module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("example_fleet", EXAMPLES / "fleet.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


fleet = load_fleet_module()


def texts(root: Path) -> dict[str, str]:
    """Every file under `root` by its path inside it, without what tools leave there."""
    return {
        path.relative_to(root).as_posix(): path.read_text(encoding="utf-8")
        for path in fleet.project_files(root)
    }


def constants(source: str) -> set[str]:
    """The string values assigned at the top of a module."""
    return {
        statement.value.value
        for statement in ast.parse(source).body
        if isinstance(statement, ast.Assign)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    }


def environment_reads(files: dict[str, str]) -> set[str]:
    pattern = re.compile(r'os\.environ\.get\(\s*"(\w+)"')
    return {name for path, text in files.items() if path.endswith(".py") for name in pattern.findall(text)}


def declared(dotenv: str) -> set[str]:
    return set(re.findall(r"^(\w+)=", dotenv, flags=re.MULTILINE))


# ---------------------------------------------------------------- assembling


@pytest.mark.parametrize("profile", ["faulty", "healthy"])
def test_every_python_file_of_a_profile_compiles(profile: str, tmp_path: Path) -> None:
    fleet.assemble(profile, tmp_path)
    for path, text in texts(tmp_path).items():
        if path.endswith(".py"):
            compile(text, path, "exec")


def test_the_faulty_profile_is_the_audited_root_as_it_is(tmp_path: Path) -> None:
    mapping = fleet.assemble("faulty", tmp_path)
    originals = {
        path.relative_to(fleet.ORDERFLOW).as_posix(): path.read_text(encoding="utf-8")
        for path in fleet.project_files(fleet.ORDERFLOW)
    }
    assert texts(tmp_path) == originals
    assert all(old == new for old, new in mapping.items())


def test_the_healthy_profile_replaces_and_removes_files(tmp_path: Path) -> None:
    fleet.assemble("healthy", tmp_path)
    files = texts(tmp_path)
    for path in fleet.project_files(fleet.HEALTHY):
        inside = path.relative_to(fleet.HEALTHY).as_posix()
        if inside.endswith(fleet.ABSENT):
            assert inside.removesuffix(fleet.ABSENT) not in files
        else:
            assert files[inside] == path.read_text(encoding="utf-8")
    assert not [path for path in files if path.endswith(fleet.ABSENT)]


def test_every_file_of_the_healthy_profile_differs_from_what_it_replaces() -> None:
    for path in fleet.project_files(fleet.HEALTHY):
        replaced = fleet.ORDERFLOW / path.relative_to(fleet.HEALTHY)
        if replaced.exists():
            assert path.read_bytes() != replaced.read_bytes(), path


def test_a_target_that_is_not_empty_is_refused(tmp_path: Path) -> None:
    (tmp_path / "something").touch()
    with pytest.raises(FileExistsError):
        fleet.assemble("faulty", tmp_path)


@pytest.mark.parametrize("profile", ["faulty", "healthy"])
def test_a_port_replaces_the_redis_port_and_the_gateway_port_everywhere(profile: str, tmp_path: Path) -> None:
    fleet.assemble(profile, tmp_path, port=7000)
    files = texts(tmp_path)
    assert not [path for path, text in files.items() if re.search("6390|3101", text)]
    assert 'url = "redis://127.0.0.1:7000/0"' in files["streamgauge.toml"]
    assert "port = 7001" in files["streamgauge.toml"]
    assert "GATEWAY_PORT=7001" in files[".env"]


# ---------------------------------------------------------------- renaming


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("profile", ["faulty", "healthy"])
def test_renaming_leaves_no_old_name_in_paths_or_contents(profile: str, seed: int, tmp_path: Path) -> None:
    fleet.assemble(profile, tmp_path, rename_seed=seed)
    everything = "\n".join(f"{path}\n{text}" for path, text in texts(tmp_path).items())
    left = [name for name in fleet.SERVICES if name in everything.lower()]
    left += [name for name in fleet.all_names() if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", everything)]
    assert left == []


@pytest.mark.parametrize("seed", SEEDS)
def test_a_renamed_fleet_still_compiles_and_imports_its_own_packages(seed: int, tmp_path: Path) -> None:
    mapping = fleet.assemble("faulty", tmp_path, rename_seed=seed)
    files = texts(tmp_path)
    for path, text in files.items():
        if path.endswith(".py"):
            tree = ast.parse(text)
            for node in ast.walk(tree):
                if isinstance(node, ast.ImportFrom) and str(node.module).startswith("services."):
                    assert str(node.module).split(".")[1] in mapping.values()
    for service in fleet.SERVICES:
        assert f"services/{mapping[service]}/main.py" in files


def test_the_mapping_names_everything_the_code_and_settings_name() -> None:
    files = texts(fleet.ORDERFLOW)
    assert constants(files["shared/streams.py"]) <= set(fleet.STREAMS + fleet.STREAM_PREFIXES)
    assert constants(files["shared/groups.py"]) <= set(fleet.GROUPS)
    everything = "\n".join(files.values())
    assert set(re.findall(r"\bshop(?:\.[a-z]+)+", everything)) <= set(fleet.all_names())
    consumers = {
        consumer
        for values in re.findall(r"_CONSUMERS?=(.*)", files[".env"])
        for consumer in values.split(",")
    }
    assert consumers == set(fleet.CONSUMERS)


@pytest.mark.parametrize("seed", SEEDS)
def test_new_names_are_distinct_and_follow_from_the_seed(seed: int, tmp_path: Path) -> None:
    first = fleet.assemble("faulty", tmp_path / "first", rename_seed=seed)
    again = fleet.assemble("faulty", tmp_path / "again", rename_seed=seed)
    other = fleet.assemble("faulty", tmp_path / "other", rename_seed=seed + 1)
    assert first == again
    assert set(first) == set(fleet.all_names())
    assert len(set(first.values())) == len(first)
    assert texts(tmp_path / "first") == texts(tmp_path / "again")
    assert not set(first.values()) & set(other.values())


# ---------------------------------------------------------------- what the fleet is


def test_nothing_in_the_audited_root_hints_that_faults_are_planted() -> None:
    hint = re.compile(r"\b(bugs?|faulty?|faults|planted|deliberate\w*|intentional\w*)\b", re.IGNORECASE)
    hinting = [path for path, text in texts(fleet.ORDERFLOW).items() if hint.search(text)]
    assert [path for path in hinting if not path.startswith(".run/")] == []


@pytest.mark.parametrize(("profile", "undeclared"), [("faulty", {"CARRIER_WEBHOOK_URL"}), ("healthy", set())])
def test_only_the_faulty_fleet_reads_a_variable_that_nothing_declares(
    profile: str, undeclared: set[str], tmp_path: Path
) -> None:
    fleet.assemble(profile, tmp_path)
    files = texts(tmp_path)
    assert environment_reads(files) - declared(files[".env"]) == undeclared
    assert declared(files[".env"]) == declared(files[".env.example"])
    assert declared(files[".env"]) - environment_reads(files) == set()


def test_modules_are_small() -> None:
    for path, text in texts(EXAMPLES).items():
        if path.endswith(".py"):
            assert text.count("\n") <= 400, path


def test_the_list_of_faults_is_consistent_and_names_what_exists() -> None:
    faults = fleet.load_faults()
    ids = [fault["id"] for fault in faults]
    assert len(set(ids)) == len(ids)
    for fault in faults:
        assert set(fault.get("causes", [])) <= set(ids), fault
        assert fault["kind"] in {"fault", "consequence", "tolerated"}, fault
        assert ("severity" in fault) != ("priority" in fault), fault
        assert fault.get("service", "gateway") in fleet.SERVICES, fault
        assert fault.get("stream", fleet.STREAMS[0]) in fleet.STREAMS, fault
        assert fault.get("group", fleet.GROUPS[0]) in fleet.GROUPS, fault
        assert fault["kind"] == "fault" or fault.get("causes") or fault["kind"] == "tolerated"
        assert 0 < fault["within_s"] <= (600 if fault["kind"] == "tolerated" else 90)
        if "file" in fault:
            assert (fleet.ORDERFLOW / fault["file"]).is_file(), fault


def test_the_list_of_faults_follows_a_renaming(tmp_path: Path) -> None:
    mapping = fleet.assemble("faulty", tmp_path, rename_seed=5)
    fault = {fault["id"]: fault for fault in fleet.load_faults(mapping)}["poison-message"]
    assert fault["stream"] == mapping["shop.stock.requested"]
    assert fault["group"] == mapping["stock-desk"]
    assert fault["entity"] == f"{fault['stream']}/{fault['group']}"
    assert (tmp_path / fault["file"]).is_file()


# ---------------------------------------------------------------- on a real server


def wait_until(condition: Callable[[], bool], bound_s: float, what: str) -> None:
    """Look five times a second until the condition holds."""
    deadline = time.monotonic() + bound_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {bound_s} s: {what}"
        time.sleep(0.2)


class RunningFleet:
    """A fleet started by its own start command, and its processes."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.output = root.parent / "output.log"
        environment = {**os.environ, "GATEWAY_PORT": str(free_port())}
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "start.py"],
                cwd=root,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def ready(self) -> bool:
        lines = self.output.read_text(encoding="utf-8").splitlines()
        return {line.split("|")[0].strip() for line in lines if " ready" in line} == set(fleet.SERVICES)

    def process_ids(self) -> list[int]:
        files = (self.root / ".run").glob("*.pid")
        return [int(path.read_text(encoding="ascii")) for path in files]

    def members_left(self) -> bool:
        """Whether any process of the fleet's session lives."""
        try:
            os.killpg(self.process.pid, 0)
        except ProcessLookupError:
            return False
        return True

    def end(self) -> None:
        """Whatever happened: nothing stays."""
        if self.members_left():
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)


@pytest.fixture
def start(tmp_path: Path, own_server: Server) -> Iterator[Callable[[str], RunningFleet]]:
    """Start a profile against the server; ends it in any case."""
    started: list[RunningFleet] = []

    def start_profile(profile: str) -> RunningFleet:
        fleet.assemble(profile, tmp_path / "fleet", port=own_server.port)
        running = RunningFleet(tmp_path / "fleet")
        started.append(running)
        wait_until(running.ready, 15, "all seven services are ready")
        return running

    yield start_profile
    for running in started:
        running.end()


def lag_messages(server: Server, stream: str, group: str) -> int:
    groups: Any = server.client.xinfo_groups(stream)
    return next(int(found["lag"] or 0) for found in groups if found["name"] == group)


def test_payments_of_the_faulty_fleet_fall_behind_and_stop_leaves_no_process(
    start: Callable[[str], RunningFleet], own_server: Server
) -> None:
    running = start("faulty")
    assert len(running.process_ids()) == 1 + len(fleet.SERVICES)
    wait_until(
        lambda: lag_messages(own_server, "shop.payments.requested", "card-desk") > 100,
        30,
        "more than 100 payment requests wait",
    )
    assert lag_messages(own_server, "shop.orders.placed", "intake-desk") <= 10

    subprocess.run([sys.executable, "stop.py"], cwd=running.root, check=True, timeout=15)

    assert running.process.wait(5) == 0
    assert not running.members_left()
    assert running.process_ids() == []
    assert [client["name"] for client in own_server.client.client_list() if client["name"]] == []


def test_ctrl_c_stops_the_healthy_fleet_without_a_trace(
    start: Callable[[str], RunningFleet], own_server: Server
) -> None:
    running = start("healthy")
    wait_until(
        lambda: own_server.client.xlen("shop.parcels.labelled") > 10, 15, "orders go through to the parcels"
    )

    os.killpg(running.process.pid, signal.SIGINT)

    assert running.process.wait(15) == 0
    assert not running.members_left()
    assert "Traceback" not in running.output.read_text(encoding="utf-8")
    assert own_server.client.exists("shop.orders.dlq") == 0
