"""The keeper as a real process: what it keeps, what it survives, what it leaves (nothing)."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest

from orchestrator.keeper import cgroup
from orchestrator.keeper.client import KeeperClient
from orchestrator.keeper.contract import CODE_UNKNOWN, CommandSpec, Identity, KeeperJob, KeeperState, SideSpec
from orchestrator.keeper.owned import mark_of, of_services
from tests.fakes.processes import has_ended
from tests.fakes.waiting import async_wait_for
from tools.clock import SystemClock
from tools.workspace import Workspace

ZOO = Path(__file__).parents[2] / "fakes" / "zoo.sh"
ANIMALS = {"deaf", "escaped", "daemon", "unmarked"}


class Scene:
    """One workspace, and the session's side of its keeper."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.workspace = Workspace(folder / "session")
        self.workspace.create()
        self.session_id = f"test-{os.getpid()}"
        self.clock = SystemClock(slice_s=0.01)
        self.made: list[KeeperClient] = []
        self.restarts: list[int] = []
        self.settings: dict[str, Any] = {}
        self.command = f"exec bash {shlex.quote(str(ZOO))} {shlex.quote(str(folder))}"

    def job(self, attempt: int) -> KeeperJob:
        side = SideSpec(
            commands=(CommandSpec(name="services", command=self.command, folder=bytes(self.folder)),),
            stop=None, folder=bytes(self.folder), drain_s=0.9,
        )  # fmt: skip
        plain = KeeperJob(
            session_id=self.session_id, workspace=bytes(self.workspace.root), attempt=attempt, services=side,
            redis=None, environment=tuple(os.environb.items()), named=("zoo",),
        )  # fmt: skip
        return msgspec.structs.replace(plain, **self.settings)

    def client(self) -> KeeperClient:
        made = KeeperClient(self.workspace, self.session_id, self.clock, self.job, self.restarts.append)
        self.made.append(made)
        return made

    async def started(self) -> KeeperClient:
        client = self.client()
        client.wish(services=True)
        assert await client.until(lambda state: "zoo" in state.ready, 20)
        await async_wait_for(lambda: self.animals() == ANIMALS, what="the zoo")
        return client

    def animals(self) -> set[str]:
        found = set()
        for process in psutil.process_iter():
            try:
                line = " ".join(process.cmdline())
                if process.status() == psutil.STATUS_ZOMBIE:
                    continue
            except psutil.Error:
                continue
            found |= {name for name in ANIMALS if f"# {name} {self.folder}" in line}
        return found

    def animal_pids(self) -> set[int]:
        found = set()
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                line = " ".join(process.cmdline())
                if any(f"# {name} {self.folder}" in line for name in ANIMALS):
                    found.add(process.pid)
        return found

    def remembered(self) -> set[int]:
        path = self.workspace.path("recording", "services.pids.json")
        return {pid for pid, _ in msgspec.json.decode(path.read_bytes(), type=list[tuple[int, float]])}

    def log(self, name: str = "zoo") -> str:
        return self.workspace.service_log(name).read_text()

    def remains(self) -> list[str]:
        raw = [path.name for path in self.workspace.path("recording", "keeper").glob("*.raw")]
        groups = [group.path.name for group in cgroup.left_by(mark_of(self.workspace, self.session_id))]
        return [*raw, *groups, *sorted(self.animals())]


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    scene = Scene(tmp_path)
    yield scene
    for client in scene.made:
        await client.kill()
    assert scene.remains() == []


def left(state: KeeperState) -> list[str]:
    return sorted(process.command.rpartition("# ")[2].split()[0] for process in state.services.leftovers)


@pytest.mark.parametrize("groups", [True, False], ids=["with a cgroup where allowed", "without"])
async def test_whatever_hides_is_told_and_ended_by_a_stop(scene: Scene, groups: bool) -> None:
    scene.settings["cgroup"] = groups
    client = await scene.started()
    client.wish(services=False)
    assert await client.until(lambda state: state.services.status == "stopped", 20)
    assert left(client.state) == ["daemon", "deaf", "escaped", "unmarked"]
    assert client.state.services.unkillable == ()
    assert client.state.services.stopped_why == "asked"
    await client.leave(10)
    assert not client.alive()
    assert scene.remains() == []


async def test_a_kill_leaves_nothing_either(scene: Scene) -> None:
    client = await scene.started()
    await client.kill()
    assert scene.remains() == []


async def test_without_a_session_everything_ends_in_order_after_the_grace(scene: Scene) -> None:
    scene.settings["abandoned_after_s"] = 0.5
    client = await scene.started()
    orphan(client)
    await async_wait_for(lambda: not client.alive(), what="the keeper's end")
    assert client.state.services.stopped_why == "abandoned"
    assert client.state.session_lost_ms is not None
    assert left(client.state) == ["daemon", "deaf", "escaped", "unmarked"]
    assert scene.remains() == []
    assert scene.log() == "ready\nworking\n"


def orphan(client: KeeperClient) -> None:
    """The session that the keeper works for is no more."""
    wish = client.files.read_wish()
    assert wish is not None
    owner = Identity(999_999_999, 1.0)
    client.files.write_wish(msgspec.structs.replace(wish, owner=owner, number=wish.number + 1))


async def test_another_process_takes_the_session_over_within_the_grace(scene: Scene) -> None:
    scene.settings["abandoned_after_s"] = 60.0
    first = await scene.started()
    orphan(first)
    await async_wait_for(lambda: first.state.session_lost_ms is not None)
    second = scene.client()
    assert second.take_over().services.status == "running"
    assert await second.until(lambda state: state.session_lost_ms is None, 10)
    assert scene.animals() == ANIMALS


COUNTER = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.SIG_DFL)
n = 0
while True:
    sys.stdout.write(f"line {n}\\n" * 1)
    sys.stdout.flush()
    n += 1
    time.sleep(0.001)
"""


async def wait_for_lines(scene: Scene, count: int) -> None:
    await async_wait_for(lambda: scene.log().count("\n") > count)


def attempt_is(number: int) -> Callable[[KeeperState], bool]:
    return lambda state: state.attempt == number


async def test_a_keeper_that_is_killed_is_replaced_and_no_line_is_lost_or_doubled(scene: Scene) -> None:
    scene.command = f"echo ready; exec {shlex.join([sys.executable, '-c', COUNTER])}"
    client = scene.client()
    client.wish(services=True)
    assert await client.until(lambda state: "zoo" in state.ready, 20)
    for attempt in (2, 3, 4):
        await wait_for_lines(scene, scene.log().count("\n") + 100)
        os.kill(client.state.keeper.pid, signal.SIGKILL)
        await async_wait_for(lambda: not client.alive())
        assert client.ensure()
        assert await client.until(attempt_is(attempt), 20)
    await wait_for_lines(scene, 1000)
    assert scene.restarts == [2, 3, 4]
    client.wish(services=False)
    assert await client.until(lambda state: state.services.status == "stopped", 20)
    assert client.state.services.leftovers == ()
    await client.leave(10)
    for log in (scene.log(), scene.workspace.path("logs", "startup.log").read_text()):
        lines = log.splitlines()
        assert lines == ["ready", *(f"line {n}" for n in range(len(lines) - 1))]


async def test_a_keeper_that_is_killed_in_a_stop_finishes_it_in_its_next_attempt(scene: Scene) -> None:
    client = await scene.started()
    client.wish(services=False)
    await async_wait_for(lambda: client.state.services.status == "stopping")
    os.kill(client.state.keeper.pid, signal.SIGKILL)
    assert await client.until(lambda state: state.services.status == "stopped", 30)
    assert scene.animals() == set()
    assert set(left(client.state)) >= {"deaf", "escaped", "daemon"}


async def test_without_any_keeper_the_session_ends_what_carries_the_mark(scene: Scene) -> None:
    scene.settings["cgroup"] = False
    client = await scene.started()
    # What dropped its environment is known once the keeper has looked, and remembered from then on.
    await async_wait_for(lambda: scene.animal_pids() <= scene.remembered(), what="the keeper's look")
    os.kill(client.state.keeper.pid, signal.SIGKILL)
    await async_wait_for(lambda: not client.alive())
    await client.kill()
    assert of_services(scene.workspace, scene.session_id).alive() == []
    assert scene.animals() == set()


async def test_started_processes_take_signals_as_they_would_in_a_shell(scene: Scene) -> None:
    scene.command = "grep SigIgn /proc/self/status; echo ready; exec sleep 1000"
    client = scene.client()
    client.wish(services=True)
    assert await client.until(lambda state: "zoo" in state.ready, 20)
    ignored = int(scene.log().splitlines()[0].split()[1], 16)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        assert not ignored >> (number - 1) & 1


async def test_a_command_that_cannot_be_run_is_told(scene: Scene) -> None:
    nowhere = CommandSpec(name="services", command="true", folder=bytes(scene.folder / "nowhere"))
    scene.settings["services"] = SideSpec(commands=(nowhere,), stop=None, folder=b"/", drain_s=1)
    client = scene.client()
    client.wish(services=True)
    assert await client.until(lambda state: bool(state.services.failures), 20)
    assert client.state.services.failures == {"services": "No such file or directory"}


async def test_a_flood_is_kept_in_bounds_and_counted(scene: Scene) -> None:
    flood = "import os\nblock = b'x' * 99 + b'\\n'\nblock *= 10000\nwhile True: os.write(1, block)"
    scene.command = f"echo ready; exec {shlex.join([sys.executable, '-c', flood])}"
    client = scene.client()
    client.wish(services=True)
    assert await client.until(lambda state: bool(state.lost), 60)
    client.wish(services=False)
    assert await client.until(lambda state: state.services.status == "stopped", 30)
    [lost] = [entry for entry in client.state.lost if entry.output == "services"]
    assert lost.bytes > 0
    await client.leave(60)


# --- Two at once, and killed at bad moments --------------------------------------------------------------


def starts_of(scene: Scene) -> int:
    file = scene.folder / "starts"
    return file.read_text().count("\n") if file.exists() else 0


def counted(scene: Scene, then: str) -> str:
    return f"echo started >> {shlex.quote(str(scene.folder / 'starts'))}; {then}"


async def test_a_keeper_that_dies_right_after_a_start_starts_nothing_twice(scene: Scene) -> None:
    # The command itself kills its parent before that could tell of it.
    scene.command = counted(
        scene,
        f"[ -e {scene.folder}/killed ] || {{ touch {scene.folder}/killed; kill -9 $PPID; }}; echo ready; exec sleep 1000",
    )
    client = scene.client()
    client.wish(services=True)
    assert await client.until(lambda state: "zoo" in state.ready, 30)
    assert client.state.attempt == 2
    assert starts_of(scene) == 1
    client.wish(services=False)
    assert await client.until(lambda state: state.services.status == "stopped", 20)
    assert client.state.services.leftovers == ()


async def test_two_sessions_that_take_over_at_once_have_one_keeper(scene: Scene) -> None:
    scene.command = counted(scene, "echo ready; exec sleep 1000")
    first, second = scene.client(), scene.client()
    first.wish(services=True)
    second.take_over()
    second.wish(services=True)
    assert await second.until(lambda state: "zoo" in state.ready, 30)
    processes = [client._process for client in scene.made if client._process is not None]
    await async_wait_for(lambda: sum(process.poll() is None for process in processes) == 1)
    assert starts_of(scene) == 1


async def test_a_take_over_at_the_last_moment_counts(scene: Scene) -> None:
    scene.settings["abandoned_after_s"] = 3.0
    first = await scene.started()
    orphan(first)
    await async_wait_for(lambda: first.state.session_lost_ms is not None)
    lost_ms = first.state.session_lost_ms or 0
    await async_wait_for(lambda: scene.clock.now_ms() - lost_ms > 2700)
    second = scene.client()
    second.take_over()
    assert await second.until(lambda state: state.session_lost_ms is None, 10)
    assert second.state.services.status == "running"
    assert scene.animals() == ANIMALS


async def test_what_was_lost_is_not_forgotten_by_a_new_attempt(scene: Scene) -> None:
    flood = "import os\nblock = b'x' * 99 + b'\\n'\nblock *= 10000\nwhile True: os.write(1, block)"
    scene.command = f"echo ready; exec {shlex.join([sys.executable, '-c', flood])}"
    client = scene.client()
    client.wish(services=True)
    assert await client.until(lambda state: bool(state.lost), 60)
    lost = client.state.lost[0].bytes
    os.kill(client.state.keeper.pid, signal.SIGKILL)
    assert await client.until(lambda state: state.attempt == 2, 30)
    assert sum(entry.bytes for entry in client.state.lost if entry.output == "services") >= lost


async def test_an_end_that_nobody_saw_is_told_as_such(scene: Scene) -> None:
    scene.command = "echo ready; sleep 2; exit 7"
    client = scene.client()
    client.wish(services=True)
    assert await client.until(lambda state: "zoo" in state.ready, 20)
    keeper, root = client.state.keeper.pid, client.state.services.roots["services"].pid
    os.kill(keeper, signal.SIGKILL)
    await async_wait_for(lambda: has_ended(root))
    assert client.ensure()
    assert await client.until(lambda state: state.services.exit_codes == {"services": CODE_UNKNOWN}, 20)


async def test_the_servers_helpers_are_not_the_services_leftovers(scene: Scene) -> None:
    helper = f"sleep 1; (setsid sh -c 'while :; do sleep 0.2; done # daemon {scene.folder}' &) ; sleep 1000"
    server = CommandSpec(name="redis", command=helper, folder=bytes(scene.folder))
    scene.settings["redis"] = SideSpec(commands=(server,), stop=None, folder=b"/", drain_s=2, polite=False)
    scene.command = "echo ready; exec sleep 1000"
    client = scene.client()
    client.wish(redis=True, services=True)
    assert await client.until(lambda state: "zoo" in state.ready, 20)
    await async_wait_for(lambda: scene.animals() == {"daemon"})
    client.wish(services=False)
    assert await client.until(lambda state: state.services.status == "stopped", 20)
    assert client.state.services.leftovers == ()
    assert scene.animals() == {"daemon"}
    await client.leave(30)
    assert scene.animals() == set()


async def test_variables_that_are_no_text_reach_the_commands(scene: Scene) -> None:
    scene.settings["environment"] = (*os.environb.items(), (b"ODD", b"\xff\xfe"))
    scene.command = 'printf %s "$ODD" | od -An -tx1; echo ready; exec sleep 1000'
    client = scene.client()
    client.wish(services=True)
    assert await client.until(lambda state: "zoo" in state.ready, 20)
    assert scene.log().splitlines()[0].split() == ["ff", "fe"]


async def test_marks_of_another_session_are_not_handed_on(scene: Scene) -> None:
    scene.settings["environment"] = (*os.environb.items(), (b"STREAMGAUGE_REDIS_SESSION", b"another"))
    scene.command = "env | grep -c STREAMGAUGE_REDIS_SESSION; echo ready; exec sleep 1000"
    client = scene.client()
    client.wish(services=True)
    assert await client.until(lambda state: "zoo" in state.ready, 20)
    assert scene.log().splitlines()[0] == "0"


async def test_a_shell_that_carries_the_mark_is_spared_where_it_asks_for_the_end(scene: Scene) -> None:
    program = (
        "import asyncio, sys\nfrom pathlib import Path\nfrom orchestrator.keeper.client import end_remains\n"
        "from tools.clock import SystemClock\nfrom tools.workspace import Workspace\n"
        "asyncio.run(end_remains(Workspace(Path(sys.argv[1])), sys.argv[2], SystemClock()))"
    )
    mark = mark_of(scene.workspace, scene.session_id)
    command = f"{shlex.join([sys.executable, '-c', program, str(scene.workspace.root), scene.session_id])}; echo lives"
    shell = await asyncio.create_subprocess_exec(
        "sh", "-c", command, env=os.environ | {"STREAMGAUGE_SESSION": mark}, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await shell.communicate()
    assert output == b"lives\n"


async def test_a_stop_that_breaks_is_finished_by_a_kill(scene: Scene) -> None:
    side = scene.job(1).services
    scene.settings["services"] = msgspec.structs.replace(side, stop="echo a\0b")
    client = await scene.started()
    client.wish(services=False)
    assert await client.until(lambda state: state.services.status == "stopped", 30)
    await client.leave(20)
    assert scene.animals() == set()


async def test_a_keeper_whose_folder_is_taken_away_ends_everything_and_writes_nothing(scene: Scene) -> None:
    client = await scene.started()
    elsewhere = scene.folder / "moved"
    scene.workspace.root.rename(elsewhere)
    await async_wait_for(lambda: scene.animals() == set(), seconds=30)
    process = client._process
    assert process is not None
    await async_wait_for(lambda: process.poll() is not None, seconds=30)
    assert not scene.workspace.root.exists()
    assert [path.read_bytes() for path in elsewhere.rglob("*.raw")] in ([], [b""])


async def test_sigterm_makes_the_keeper_end_everything_in_order(scene: Scene) -> None:
    client = await scene.started()
    await client.leave_without_a_wish(30)
    assert client.files.holder() is None
    assert left(client.state) == ["daemon", "deaf", "escaped", "unmarked"]
    assert scene.remains() == []
