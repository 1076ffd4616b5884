"""What a bundle is made of: configuration, environment, host, network, runs, session, logs. Each piece only reads."""

from __future__ import annotations

import glob
import json
import os
import platform
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from itertools import islice
from pathlib import Path
from urllib.parse import unquote

import psutil

from orchestrator.config.loaded import LoadedConfig
from orchestrator.config.settings import PREFIX
from orchestrator.diagnostics.bundle import Piece
from tools.masking import LineMasker, mask_data
from tools.secret_names import is_secret_name
from tools.workspace import Workspace

LOG_BYTES_MAX = 256_000
_LOGS_MAX, _ROWS_MAX = 40, 200
_SESSION_FILES = (
    "session.json",
    "events.jsonl",
    "critical-alerts.log",
    "recording/gaps.jsonl",
    "report.json",
)
_SHOWN = frozenset({"LANG", "LC_ALL", "PATH", "PWD", "SHELL", "TERM", "TZ", "VIRTUAL_ENV", "PYTHONPATH"})
_FOLDERS = frozenset({"PWD", "OLDPWD"})
"""Folders, although they are called like passwords."""
_SECRET_CHARS_MIN = 6
_STORE_WAIT_S = 5.0


def of_us(loaded: LoadedConfig, environ: Mapping[str, str], version: str) -> Iterator[Piece]:
    """The installation, its configuration and its environment."""
    yield Piece("about.json", "version, Python, system", lambda: _json(_about(version)))
    yield Piece("configuration.json", "the settings, and where each is from", lambda: _json(_config(loaded)))
    yield Piece(
        "environment.json", "variables; values only of harmless ones", lambda: _json(_environ(environ))
    )


def of_host(places: Mapping[str, Path]) -> Iterator[Piece]:
    """The machine: `places` are folders whose disks matter."""
    yield Piece("host.json", "CPU, memory, load, disks, limits", lambda: _json(_host(places)))
    yield Piece("network.json", "interfaces, connections by state", lambda: _json(_network()))


def of_runs(store: Path) -> Iterator[Piece]:
    """What the store knows."""
    for name, what, query in (
        ("runs", "runs, the newest first", "SELECT * FROM runs ORDER BY started_at DESC"),
        (
            "errors",
            "errors that nobody resolved",
            "SELECT * FROM error_logs WHERE resolved = 0 ORDER BY id DESC",
        ),
        ("alerts", "the ledger of alerts", "SELECT * FROM alerts ORDER BY id DESC"),
        ("archives", "archives", "SELECT * FROM archives ORDER BY number DESC"),
    ):
        yield Piece(f"runs/{name}.json", what, lambda query=query: _json(_rows(store, query)))  # type: ignore[misc]


def of_session(workspace: Workspace) -> Iterator[Piece]:
    """The session that the workspace holds: its own files, masked when they were written."""
    for name in _SESSION_FILES:
        yield Piece(
            f"session/{Path(name).name}",
            f"the session's {name}",
            lambda name=name: _end(workspace.path(name)),  # type: ignore[misc]
        )


def of_logs(loaded: LoadedConfig, workspace: Workspace) -> Iterator[Piece]:
    """The ends of the services' logs: those that the session captured, and those that are configured."""
    found: list[tuple[str, Path]] = []

    def listed() -> str:
        files = dict(_log_files(loaded, workspace))
        if not files:
            raise ValueError("no log file is configured, and no session captured one")
        found.extend(files.items())
        return _json({name: str(path) for name, path in files.items()})

    # A piece of its own, and so within bounds: a pattern may lead through a whole disk.
    yield Piece("logs/list.json", "logs of services", listed)
    files = tuple(found)
    for name, path in files[:_LOGS_MAX]:
        yield Piece(name, f"the end of {path.name}", lambda path=path: _masked_end(path))  # type: ignore[misc]
    if len(files) > _LOGS_MAX:
        yield Piece("logs/rest", f"{len(files) - _LOGS_MAX} more logs", _too_many)


def _log_files(loaded: LoadedConfig, workspace: Workspace) -> Iterator[tuple[str, Path]]:
    """Each log's name in the bundle, and where it lies."""
    for path in sorted(workspace.path("logs").glob("*.log")):
        yield f"logs/session/{_file_name(path.name)}", path
    for source in loaded.config.logs.sources:
        names = islice(glob.iglob(source.path or "", recursive=True), _LOGS_MAX + 1)  # noqa: PTH207 - any folder's
        for number, name in enumerate(sorted(names)):
            yield f"logs/{_file_name(source.service)}-{number}-{_file_name(Path(name).name)}", Path(name)


def secrets_of(loaded: LoadedConfig, environ: Mapping[str, str]) -> tuple[str, ...]:
    """What must stand nowhere in a bundle, the longest first: values behind names of secrets, and addresses with one."""
    found = {value for name, value in environ.items() if is_secret_name(name) and name not in _FOLDERS}
    found |= {password for value in environ.values() for password in _passwords(value)}
    if loaded.config.nightly.ping_url is not None:
        found.add(loaded.config.nightly.ping_url.get_secret_value())
    if loaded.config.redis.url is not None:
        found |= _passwords(loaded.config.redis.url.get_secret_value())
    kept = (text for text in found if len(text) >= _SECRET_CHARS_MIN)
    return tuple(sorted(kept, key=lambda text: (-len(text), text)))


def _passwords(url: str) -> set[str]:
    """The password in an address, as it stands there and decoded; nothing where it holds none."""
    password = url.partition("://")[2].rpartition("@")[0].partition(":")[2]
    return {password, unquote(password)}


def _about(version: str) -> object:
    return {
        "version": version,
        "python": sys.version,
        "executable": sys.executable,
        "system": platform.platform(),
        "machine": platform.machine(),
        "user": os.geteuid(),
        "timezone": time.tzname,
    }


def _config(loaded: LoadedConfig) -> object:
    return {
        "file": str(loaded.file or ""),
        "settings": loaded.config.model_dump(mode="json"),
        "origins": dict(loaded.origins),
        "detected": list(loaded.detected),
    }


def _environ(environ: Mapping[str, str]) -> object:
    return {
        name: value
        if name in _SHOWN or (name.startswith(PREFIX) and not is_secret_name(name) and "://" not in value)
        else f"set, {len(value)} characters"
        for name, value in sorted(environ.items())
    }


def _host(places: Mapping[str, Path]) -> object:
    disks: dict[str, object] = {}
    for name, path in places.items():
        nearest = next(parent for parent in (path, *path.parents) if parent.exists())
        disks[name] = {"path": str(path), **psutil.disk_usage(str(nearest))._asdict()}
    return {
        "cpus": psutil.cpu_count(),
        "load": psutil.getloadavg(),
        "memory": psutil.virtual_memory()._asdict(),
        "swap": psutil.swap_memory()._asdict(),
        "bootedAt": psutil.boot_time(),
        "processes": len(psutil.pids()),
        "disks": disks,
    }


def _network() -> object:
    states = Counter(connection.status for connection in psutil.net_connections(kind="tcp"))
    interfaces = {name: stats._asdict() for name, stats in psutil.net_if_stats().items()}
    addresses = {
        name: [item.address for item in items if item.family.name in {"AF_INET", "AF_INET6"}]
        for name, items in psutil.net_if_addrs().items()
    }
    return {"interfaces": interfaces, "addresses": addresses, "tcpByState": dict(states)}


def _rows(store: Path, query: str) -> object:
    """Rows of the store as it is: opened to read alone, so that one of another version stays what it is."""
    if not store.is_file():
        raise ValueError(f"{store}: there is no database")
    address = f"{store.absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(address, uri=True, timeout=_STORE_WAIT_S)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(f"{query} LIMIT {_ROWS_MAX}")]


def _json(data: object) -> str:
    return json.dumps(mask_data(data), indent=1, ensure_ascii=True, default=str) + "\n"


def _end(path: Path) -> str:
    """The end of a file of ours, from the beginning of a line."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - LOG_BYTES_MAX))
        data = file.read(LOG_BYTES_MAX)
    return (data if size <= LOG_BYTES_MAX else data.partition(b"\n")[2]).decode("utf-8", "replace")


def _masked_end(path: Path) -> str:
    """The end of a log: a secret over several lines is masked as one. A device or a pipe is none."""
    if not path.is_file():
        raise ValueError("it is no file")
    masker = LineMasker()
    return "".join(f"{masker.scan(line)[0]}\n" for line in _end(path).splitlines())


def _file_name(text: str) -> str:
    return "".join(char if char.isascii() and (char.isalnum() or char in "._-") else "_" for char in text)[
        :60
    ]


def _too_many() -> str:
    raise ValueError(f"left out: at most {_LOGS_MAX} are taken")
