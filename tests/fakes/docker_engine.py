"""A real Docker engine for tests: one of our own, started as root, without network, in a folder of its own.

Where TEST_DOCKER is set, the engine that `docker` reaches anyway. Containers run one static tree made of this
machine's `cat` and `sh`, so nothing is pulled.
"""

from __future__ import annotations

import io
import os
import re
import select
import shutil
import subprocess
import tarfile
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.fakes.waiting import wait_for

IMAGE = "streamgauge-test"


class NoEngine(Exception):
    """Why there is none."""


class DockerEngine:
    """Runs containers; `environ` makes `docker` reach it."""

    def __init__(self, folder: Path) -> None:
        self.environ: Mapping[str, str] = os.environ
        self._daemon: subprocess.Popen[bytes] | None = None
        self._folder = folder
        if shutil.which("docker") is None:
            raise NoEngine("docker is not on PATH")
        self.is_foreign = bool(os.environ.get("TEST_DOCKER"))
        if not self.is_foreign:
            self.start()
        try:
            self.docker("import", "-", IMAGE, data=_root_tree())
        except AssertionError:
            self.stop()
            raise

    def start(self) -> None:
        """Start our own daemon, again too."""
        if os.getuid() != 0 or shutil.which("dockerd") is None:
            raise NoEngine("TEST_DOCKER is not set, and dockerd is not on PATH or we are not root")
        host = f"unix://{self._folder}/docker.sock"
        self.environ = os.environ | {"DOCKER_HOST": host}
        with (self._folder / "dockerd.log").open("ab") as log:
            self._daemon = subprocess.Popen(
                [
                    "dockerd", "--host", host, "--data-root", self._folder / "data", "--exec-root", self._folder / "exec",
                    "--pidfile", self._folder / "pid", "--storage-driver", "vfs", "--bridge", "none", "--iptables=false",
                    "--ip6tables=false",
                ],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )  # fmt: skip
        daemon = self._daemon
        wait_for(lambda: daemon.poll() is not None or self._answers(), seconds=60, what="dockerd")
        if daemon.poll() is not None:
            lines = (self._folder / "dockerd.log").read_text(encoding="utf-8", errors="replace").splitlines()
            raise NoEngine(f"dockerd does not start: {lines[-1] if lines else ''}")

    def stop(self) -> None:
        """Stop our own daemon; containers end with it."""
        if self._daemon is not None:
            self._daemon.terminate()
            self._daemon.wait(30)

    def close(self) -> None:
        self.docker("rmi", "--force", IMAGE)
        self.stop()

    def docker(self, *arguments: str, data: bytes = b"", check: bool = True) -> str:
        done = subprocess.run(
            ["docker", *arguments],
            input=data,
            capture_output=True,
            env=dict(self.environ),
            check=False,
            timeout=60,
        )
        assert not check or done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    def _answers(self) -> bool:
        done = subprocess.run(["docker", "version"], capture_output=True, env=dict(self.environ), check=False)
        return done.returncode == 0


class Container:
    """A container that prints what it is given. It ends when its input does."""

    def __init__(
        self, engine: DockerEngine, folder: Path, name: str | None = None, options: Sequence[str] = ()
    ) -> None:
        self._engine = engine
        self.name = name or f"sg-{uuid.uuid4().hex[:12]}"
        self._pipe = folder / f"{self.name}.pipe"
        if not self._pipe.exists():
            os.mkfifo(self._pipe)
        engine.docker(
            "run", "--detach", "--network", "none", "--name", self.name, "--volume", f"{self._pipe}:/in", *options, IMAGE, "cat", "/in"
        )  # fmt: skip
        self._input = self._open()

    def write(self, data: bytes) -> None:
        while data:
            wait_for(lambda: select.select([], [self._input], [], 0)[1], what="a container that reads")
            data = data[os.write(self._input, data[:4096]) :]

    def end(self) -> None:
        """It ends by itself, with all that it was given printed."""
        wait_for(lambda: not select.select([self._input], [], [], 0)[0], what="a container that reads")
        os.close(self._input)
        self._engine.docker("wait", self.name)

    def again(self) -> None:
        self._engine.docker("start", self.name)
        self._input = self._open()

    def _open(self) -> int:
        # Both ends are ours too, so that opening does not wait and nothing written before is lost.
        return os.open(self._pipe, os.O_RDWR | os.O_NONBLOCK)

    def close(self) -> None:
        os.close(self._input)
        self._engine.docker("rm", "--force", self.name, check=False)


def _root_tree() -> bytes:
    files: dict[str, Path] = {}
    for program in ("cat", "sh"):
        path = Path(shutil.which(program) or "").resolve()
        files[f"bin/{program}"] = path
        listed = subprocess.run(["ldd", path], capture_output=True, text=True, check=False)
        for library in re.findall(r"(/\S+) \(0x", listed.stdout):
            files[library.lstrip("/")] = Path(library).resolve()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tree:
        for name, path in files.items():
            tree.add(path, name)
    return buffer.getvalue()
