"""The alert file: YAML read with line numbers, so that every mistake is named with file, line, key and remedy."""

from __future__ import annotations

from pathlib import Path

import yaml
from pydantic import ValidationError

from orchestrator.alerts.rules import AlertRules, Timing, every
from tools.errors import ConfigError
from tools.masking import mask

KeyPath = tuple[str | int, ...]
_FILE_BYTES_MAX = 1_000_000
_NODES_MAX = 20_000
"""Aliases may multiply a small file; a real one has some hundred nodes."""
_SHOWN_MAX = 60


def read(path: Path) -> AlertRules:
    """The rules of a file. Raises ConfigError, which tells every mistake."""
    try:
        data = path.read_bytes()
    except OSError as error:
        remedy = "Write one with `streamgauge alerts init`, or correct alerts.file."
        raise ConfigError(
            f"cannot be read ({error.strerror or error})", remedy=remedy, file=str(path)
        ) from error
    if len(data) > _FILE_BYTES_MAX:
        raise ConfigError("is too large for an alert file", remedy="Name another.", file=str(path))
    return parse(data, str(path))


def parse(data: bytes, file: str) -> AlertRules:
    """The rules of a text. Raises ConfigError."""
    lines: dict[KeyPath, int] = {}
    try:
        node = yaml.compose(data, Loader=yaml.SafeLoader)
        plain = None if node is None else _plain(node, (), lines)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        what = getattr(error, "problem", None) or str(error)
        line = None if mark is None else mark.line + 1
        raise ConfigError(
            f"is no YAML that can be read: {what}", remedy="Correct it.", file=file, line=line
        ) from error
    if not isinstance(plain, dict):
        raise ConfigError("holds no rules", remedy="It begins with receivers: and route:.", file=file)
    try:
        rules = AlertRules.model_validate(plain)
    except ValidationError as error:
        raise ConfigError.of_all(list(_explained(error, file, lines))) from error
    problems = list(_problems(rules, file, lines))
    if problems:
        raise ConfigError.of_all(problems)
    return rules


def _plain(node: yaml.Node, path: KeyPath, lines: dict[KeyPath, int]) -> object:
    lines.setdefault(path, node.start_mark.line + 1)
    if len(lines) > _NODES_MAX:
        raise ValueError("it holds too much, or refers to itself")
    if isinstance(node, yaml.MappingNode):
        found: dict[object, object] = {}
        for key_node, value_node in node.value:
            key = str(_scalar(key_node))
            if key in found:
                raise yaml.MarkedYAMLError(
                    problem=f"the key {key} stands twice", problem_mark=key_node.start_mark
                )
            lines[*path, key] = key_node.start_mark.line + 1
            found[key] = _plain(value_node, (*path, key), lines)
        return found
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, (*path, number), lines) for number, item in enumerate(node.value)]
    return _scalar(node)


def _scalar(node: yaml.Node) -> object:
    constructor = yaml.constructor.SafeConstructor()
    return constructor.construct_object(node, deep=True)


def _explained(error: ValidationError, file: str, lines: dict[KeyPath, int]) -> list[ConfigError]:
    found: list[ConfigError] = []
    for item in error.errors(include_url=False):
        path = tuple(part for part in item["loc"])
        if item["type"] == "extra_forbidden":
            problem, remedy = "unknown key", "Remove it, or correct its name."
        elif item["type"] == "missing":
            problem, remedy = "is missing", "Add it."
        else:
            text = mask(item["msg"].removeprefix("Value error, "))
            problem, _, hint = text.partition("; ")
            remedy = f"{hint[:1].upper()}{hint[1:] or 'Correct the value'}."
        found.append(_error(file, lines, path, f"{problem}{_shown(item['input'], item['type'])}", remedy))
    return found


def _shown(value: object, kind: str) -> str:
    if kind in {"missing", "extra_forbidden", "value_error"} or isinstance(value, dict | list):
        return ""
    text = mask(repr(value))
    return f", got {text if len(text) <= _SHOWN_MAX else text[: _SHOWN_MAX - 1] + '…'}"


def _problems(rules: AlertRules, file: str, lines: dict[KeyPath, int]) -> list[ConfigError]:
    """What no single value shows: names that are not there, timers that contradict each other."""
    found: list[ConfigError] = []
    names = [receiver.name for receiver in rules.receivers]
    for number, name in enumerate(names):
        if name in names[:number]:
            path: KeyPath = ("receivers", number, "name")
            found.append(_error(file, lines, path, f"{name!r} is there already", "Name it otherwise."))
    try:
        routes = every(rules.route)
    except ValueError as error:
        return [*found, _error(file, lines, ("route",), str(error), "Add receiver: NAME.")]
    for _, timing in routes:
        place = _path_of(timing)
        if timing.receiver not in names:
            known = f"There are {', '.join(names)}."
            found.append(
                _error(file, lines, (*place, "receiver"), f"{timing.receiver!r} is no receiver", known)
            )
        if timing.repeat_interval < timing.group_interval:
            problem = (
                f"what lasts cannot be told again (repeat_interval {timing.repeat_interval:g} s) before the group may "
                f"be told anything (group_interval {timing.group_interval:g} s)"
            )
            remedy = "Make repeat_interval at least as long."
            found.append(_error(file, lines, (*place, "repeat_interval"), problem, remedy))
    return found


def _path_of(timing: Timing) -> KeyPath:
    path: list[str | int] = ["route"]
    for number in timing.place.split(".")[1:]:
        path += ["routes", int(number)]
    return tuple(path)


def _error(file: str, lines: dict[KeyPath, int], path: KeyPath, problem: str, remedy: str) -> ConfigError:
    known = next((path[:length] for length in range(len(path), 0, -1) if path[:length] in lines), ())
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")
    return ConfigError(problem, remedy=remedy, file=file, line=lines.get(known), key=key)
