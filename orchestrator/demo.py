"""`--demo`: the bundled example fleet, copied to where it may run, on a port that is free."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from orchestrator import bundled
from orchestrator.config.load import FILE_NAME, load
from orchestrator.config.mode import address_of
from tools.errors import UsageError

PROFILES = ("faulty", "healthy")
_MARK = ".streamgauge-demo"
_TRIES = 50
_FIRST_PORT, _PORTS = 20_000, 12_000
"""Below 32,768, where the range begins from which Linux gives ports to connections (ip_local_port_range)."""


def folder(profile: str, state: Path) -> Path:
    """Where the copy of a profile lies, below the state folder. Raises UsageError for an unknown profile."""
    if profile not in PROFILES:
        raise UsageError(f"There is no demo profile {profile!r}. Use {' or '.join(PROFILES)}.")
    return state / "demo" / profile


def prepare(target: Path, port_is_free: Callable[[str, int], bool]) -> Path:
    """A fresh copy of the fleet in `target` (its name is the profile); returns its configuration file.

    The fleet's own ports are used where they are free, others elsewhere. A copy from before is replaced;
    a folder that is no such copy is left alone.

    Raises UsageError: no free port, or the folder cannot be written.
    """
    profile = target.name
    fleet = _fleet(bundled.folder("examples") / "fleet.py")
    try:
        _assemble(fleet, profile, target, None)
        if not _ports_are_free(target, port_is_free):
            _assemble(fleet, profile, target, _free_pair(port_is_free))
    except OSError as error:
        raise UsageError(f"{target} cannot be written: {error.strerror or error}.") from error
    return target / FILE_NAME


def _assemble(fleet: ModuleType, profile: str, target: Path, port: int | None) -> None:
    if target.exists():
        if any(target.iterdir()) and not (target / _MARK).exists():
            raise UsageError(f"{target} holds something else. Move it elsewhere.")
        shutil.rmtree(target)
    target.mkdir(parents=True)
    fleet.assemble(profile, target, port=port)
    (target / _MARK).write_text("a copy of the example that comes with streamgauge\n", encoding="ascii")
    ignore = target.parent.parent / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n", encoding="ascii")


def _ports_are_free(target: Path, port_is_free: Callable[[str, int], bool]) -> bool:
    config = load(project=None, config_file=target / FILE_NAME, environ={}, flags={}, cwd=target).config
    ports = [service.port for service in config.services.list if service.port is not None]
    if config.redis.url is not None:
        ports.append(address_of(config.redis.url.get_secret_value()).port)
    return all(port_is_free("127.0.0.1", port) for port in ports)


def _free_pair(port_is_free: Callable[[str, int], bool]) -> int:
    """A port on loopback that is free, and so is the one after it; two that start at once try others."""
    first = _FIRST_PORT + os.getpid() % _PORTS // 2 * 2
    for port in range(first, first + 2 * _TRIES, 2):
        if port_is_free("127.0.0.1", port) and port_is_free("127.0.0.1", port + 1):
            return port
    raise UsageError("No two neighbouring ports are free on 127.0.0.1. Stop something that listens there.")


def _fleet(file: Path) -> ModuleType:
    """The example's own assembler; it lies outside our packages, so it is loaded by its path."""
    spec = spec_from_file_location("streamgauge_example_fleet", file)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(f"{file} cannot be loaded")
    module = module_from_spec(spec)
    # dataclasses look their module up here
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
