"""One configuration from file, environment and flags: each overrides the one before.

The file is `streamgauge.toml`, or `[tool.streamgauge]` in `pyproject.toml`, in the project's folder. A
relative path in a file is relative to that file's folder; one in a variable or flag, and a default, is relative
to the current folder. An empty variable counts as not set. Every mistake is reported, not only the first.
"""

from __future__ import annotations

import glob
import json
import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from orchestrator.config import checks, detect, settings, toml_lines
from orchestrator.config.dotenv import redis_url
from orchestrator.config.loaded import LoadedConfig
from orchestrator.config.model import Config
from orchestrator.config.origin import KeyPath, Origin, dotted, explain
from tools.errors import ConfigError

FILE_NAME = "streamgauge.toml"
_PYPROJECT = "pyproject.toml"
_FILE_BYTES_MAX = 1_000_000
_AT_LINE = re.compile(r"\s*\(at line (\d+), column \d+\)")


@dataclass(frozen=True, slots=True)
class Profile:
    """Values by dotted setting name that hold where no other layer gives one, and the flag that asks for them."""

    flag: str
    values: Mapping[str, object]


NO_PROFILE = Profile("", {})


@dataclass
class _Layers:
    """What the layers have given so far: plain data, and the origin of each part of it."""

    data: dict[str, Any] = field(default_factory=dict)
    origins: dict[KeyPath, Origin] = field(default_factory=dict)
    errors: list[ConfigError] = field(default_factory=list)

    def put(self, key: str, value: object, origin: Origin) -> None:
        section, _, name = key.rpartition(".")
        target = self.data
        if section:
            target = target.setdefault(section, {})
            if not isinstance(target, dict):  # the file's mistake; it is reported by the model
                return
        target[name] = value
        path = tuple(key.split("."))
        self.origins = {known: at for known, at in self.origins.items() if known[: len(path)] != path}
        self.origins[path] = origin


def load(
    *,
    project: Path | None,
    config_file: Path | None,
    environ: Mapping[str, str],
    flags: Mapping[str, object],
    cwd: Path,
    profile: Profile = NO_PROFILE,
) -> LoadedConfig:
    """Read, merge and check the configuration.

    `project` is where the file is looked for and what `project.root` becomes; `config_file` names the file
    instead; `flags` are values by dotted setting name, None = not given. `profile` gives what nobody gave.

    Raises:
        ConfigError: a setting is wrong; all that are wrong are told, each with its place.

    """
    layers = _Layers()
    folder = cwd / (project or environ.get(settings.variable("project.root")) or "")
    file = _find_file(folder, config_file and cwd / config_file, cwd)
    if file is not None:
        _add_file(layers, file, cwd)
    _add_environment(layers, environ, cwd)
    _add_flags(layers, {"project.root": project} | dict(flags), cwd)
    found = _add_detected(layers, environ, folder, file)
    _add_profile(layers, profile, file.parent if file is not None else folder)
    _set_default_paths(layers, file, folder, cwd)
    try:
        config = Config.model_validate_json(json.dumps(layers.data, default=str), strict=True)
    except ValidationError as error:
        layers.errors += explain(error, layers.origins)
    else:
        layers.errors += checks.check(config, layers.origins)
        if not layers.errors:
            origins = {dotted(path): str(origin) for path, origin in layers.origins.items()}
            return LoadedConfig(config, file, found.lines, origins, found.logs, found.passed_over)
    raise ConfigError.of_all(sorted(layers.errors, key=lambda error: (error.file or "", error.line or 0)))


# --- The file --------------------------------------------------------------------------------------------


def _find_file(folder: Path, given: Path | None, cwd: Path) -> Path | None:
    if given is not None:
        if not given.exists() or given.is_dir():
            raise ConfigError("no such file", remedy="Check --config", file=_shown(given, cwd))
        return given
    for name in (FILE_NAME, _PYPROJECT):
        file = folder / name
        if file.is_file() and (name == FILE_NAME or _has_section(file)):
            return file
    return None


def _has_section(pyproject: Path) -> bool:
    """Whether the section is there; a pyproject.toml that does not parse is its owner's business."""
    try:
        tool = tomllib.loads(_read(pyproject)).get("tool")
    except (tomllib.TOMLDecodeError, OSError, ValueError, RecursionError):
        return False
    return isinstance(tool, dict) and "streamgauge" in tool


def _read(file: Path) -> str:
    if file.stat().st_size > _FILE_BYTES_MAX:
        raise ValueError(f"larger than {_FILE_BYTES_MAX} bytes")
    return file.read_text(encoding="utf-8")


def _add_file(layers: _Layers, file: Path, cwd: Path) -> None:
    shown = _shown(file, cwd)
    try:
        text = _read(file)
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        at = _AT_LINE.search(str(error))
        line = int(at.group(1)) if at else text.count("\n") + 1
        problem = _AT_LINE.sub("", str(error)).replace(" (at end of document)", "")
        raise ConfigError(f"not valid TOML: {problem}", remedy="Correct it", file=shown, line=line) from error
    except UnicodeDecodeError as error:
        raise ConfigError("not UTF-8 text", remedy="Save the file as UTF-8", file=shown) from error
    except RecursionError as error:
        raise ConfigError("nested too deeply", remedy="Correct it", file=shown) from error
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot be read: {error}", remedy="Check the file", file=shown) from error
    lines = toml_lines.find(text)
    prefix: tuple[str, ...] = ()
    if file.name == _PYPROJECT and "streamgauge" in data.get("tool", {}):
        prefix, data = ("tool", "streamgauge"), data["tool"]["streamgauge"]
    for path, line in lines.items():
        if path[: len(prefix)] == prefix and len(path) > len(prefix):
            layers.origins[path[len(prefix) :]] = Origin(file=shown, line=line)
    layers.data = data if isinstance(data, dict) else {}
    if not isinstance(data, dict):
        at_line = lines.get(prefix)
        layers.errors.append(
            ConfigError("expected a table", remedy="Write [tool.streamgauge]", file=shown, line=at_line)
        )
    _anchor_paths(layers.data, file.parent.absolute())


def _anchor_paths(data: dict[str, Any], folder: Path) -> None:
    """Make the relative paths of a file absolute, in place; values of a wrong type are left to the model."""
    for key in settings.PATHS:
        section, _, name = key.partition(".")
        _anchor(data.get(section), name, folder, is_glob=False)
    for section, name, key, is_glob in (
        ("logs", "sources", "path", True),
        ("services", "list", "pidfile", False),
        ("services", "list", "folder", False),
        ("watch", "databases", "path", False),
    ):
        part = data.get(section)
        for entry in (
            part.get(name, ()) if isinstance(part, dict) and isinstance(part.get(name), list) else ()
        ):
            _anchor(entry, key, folder, is_glob=is_glob)


def _anchor(table: object, key: str, folder: Path, *, is_glob: bool) -> None:
    if isinstance(table, dict) and isinstance(table.get(key), str):
        table[key] = _absolute(table[key], folder, is_glob=is_glob)


def _absolute(value: str, folder: Path, *, is_glob: bool = False) -> str:
    base = glob.escape(str(folder)) if is_glob else str(folder)
    path = os.path.join(base, os.path.expanduser(value))  # noqa: PTH111, PTH118 - globs are no paths
    return os.path.normpath(path)


# --- Environment, flags, detection -----------------------------------------------------------------------


def _add_environment(layers: _Layers, environ: Mapping[str, str], cwd: Path) -> None:
    known = {settings.variable(key): key for key in settings.fields()}
    for name in sorted(environ):
        if not name.startswith(settings.PREFIX) or name in settings.RESERVED_VARIABLES or not environ[name]:
            continue
        if name in known:
            _add_value(layers, known[name], environ[name], Origin(name=name), cwd)
        else:
            layers.errors.append(_unknown_variable(name, known))


def _unknown_variable(name: str, known: Iterable[str]) -> ConfigError:
    import difflib

    tables = [settings.variable(key) for key in settings.table_lists()]
    if name in tables:
        return ConfigError("a list of tables", remedy=f"Set it in {FILE_NAME}", key=name)
    close = difflib.get_close_matches(name, list(known), n=1)
    remedy = f"Did you mean {close[0]}?" if close else "Unset it; settings are STREAMGAUGE_<SECTION>_<KEY>"
    return ConfigError("unknown variable", remedy=remedy, key=name)


def _add_flags(layers: _Layers, flags: Mapping[str, object], cwd: Path) -> None:
    for key, value in flags.items():
        if value is None:
            continue
        origin = Origin(name=settings.FLAGS[key])
        _add_value(layers, key, value, origin, cwd)


def _add_value(layers: _Layers, key: str, value: object, origin: Origin, cwd: Path) -> None:
    plain = str(value) if isinstance(value, Path) else value
    if isinstance(plain, str):
        plain = settings.from_text(key, plain)
    if key in settings.PATHS and isinstance(plain, str):
        plain = _absolute(plain, cwd)
    layers.put(key, plain, origin)


def _add_detected(
    layers: _Layers, environ: Mapping[str, str], folder: Path, file: Path | None
) -> detect.Detected:
    """What the environment and, without a configuration file, the project's own files tell."""
    mode, is_given = _get(layers.data, "session", "mode"), ("redis", "url") in layers.origins
    if mode == "static":
        return detect.Detected()
    if file is not None:
        address = None if is_given else redis_url(environ, None)
        if address is None:
            return detect.Detected()
        layers.put("redis.url", address[0], Origin(name=address[1]))
        return detect.Detected(lines=(f"the server's address, from {address[1]}",))
    starts = detect.wants_starts(mode, address_is_given=is_given)
    found = detect.detect(folder.absolute(), environ, starts=starts)
    for key, value, origin in found.settings:
        if tuple(key.split(".")) not in layers.origins:
            layers.put(key, value, origin)
    return found


def _add_profile(layers: _Layers, profile: Profile, folder: Path) -> None:
    """What nobody gave; a path only where it leads to a file, from the configuration's folder.

    Who switched the store off has no alerts: what was told is remembered there.
    """
    for key, value in profile.values.items():
        if key == "alerts.file" and _get(layers.data, "store", "enabled") is False:
            continue
        section, _, name = key.rpartition(".")
        if (_get(layers.data, section, name) if section else layers.data.get(name)) is not None:
            continue
        path = _absolute(str(value), folder.absolute()) if key in settings.PATHS else None
        if path is None or Path(path).is_file():
            layers.put(key, value if path is None else path, Origin(name=profile.flag))


def _set_default_paths(layers: _Layers, file: Path | None, folder: Path, cwd: Path) -> None:
    root = str((file.parent if file is not None else folder).absolute())
    for key, value in (
        ("project.root", os.path.normpath(root)),
        ("output.workspace", _absolute("monitor-session", cwd)),
        ("output.state_db", _absolute(".state/orchestration.db", cwd)),
    ):
        section, _, name = key.partition(".")
        target = layers.data.setdefault(section, {})
        if isinstance(target, dict):
            target.setdefault(name, value)


def _get(data: Mapping[str, Any], section: str, name: str) -> object:
    part = data.get(section)
    return part.get(name) if isinstance(part, dict) else None


def _shown(file: Path, cwd: Path) -> str:
    """A file as a person would name it from here."""
    whole = file.absolute()
    return str(whole.relative_to(cwd)) if whole.is_relative_to(cwd) else str(whole)
