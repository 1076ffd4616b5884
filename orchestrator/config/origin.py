"""Where each setting came from, and errors that say so."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydantic import BaseModel, ValidationError

from orchestrator.config import settings
from tools.errors import ConfigError
from tools.masking import mask

KeyPath = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Origin:
    """A file and a line, or the name of a variable or flag."""

    file: str | None = None
    line: int | None = None
    name: str | None = None

    def __str__(self) -> str:
        if self.name is not None:
            return self.name
        return f"{self.file}:{self.line}" if self.line else str(self.file)

    def error(self, key: str, problem: str, remedy: str) -> ConfigError:
        """A ConfigError at this place: the variable or flag where there is one, else file, line and key."""
        shown = key if self.name is None else f"{self.name} ({key})"
        return ConfigError(problem, remedy=remedy, file=self.file, line=self.line, key=shown)


def dotted(path: KeyPath) -> str:
    """`services.list[0].port` for `("services", "list", 0, "port")`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def nearest(origins: Mapping[KeyPath, Origin], path: KeyPath) -> tuple[KeyPath, Origin]:
    """The longest part of `path` whose origin is known, and that origin."""
    for length in range(len(path), 0, -1):
        if path[:length] in origins:
            return path[:length], origins[path[:length]]
    return path, Origin()


def explain(error: ValidationError, origins: Mapping[KeyPath, Origin]) -> Iterator[ConfigError]:
    """Each problem of a refused configuration as a ConfigError, in the order of the configuration."""
    seen: set[KeyPath] = set()
    for item in error.errors(include_url=False):
        path = item["loc"]
        known, origin = nearest(origins, path)
        if item["type"] == "missing":
            known = path
        if known in seen:
            continue
        seen.add(known)
        if item["type"] == "extra_forbidden":
            yield unknown_key(path, origin)
        elif item["type"] == "missing":
            yield origin.error(dotted(path), "is missing", "Add it")
        else:
            problem, remedy = _words(known, item["type"], item["msg"], item["input"])
            yield origin.error(dotted(known), problem, remedy)


def unknown_key(path: KeyPath, origin: Origin) -> ConfigError:
    """The error for a key that does not exist, with what was probably meant."""
    *parent, key = path
    name = mask(str(key))
    section = ".".join(str(part) for part in parent if isinstance(part, str))
    known = known_keys(section)
    close = difflib.get_close_matches(name, known, n=1)
    if close:
        return origin.error(dotted(path), "unknown key", f"Did you mean {close[0]!r}?")
    elsewhere = [item for item in settings.fields() if item.split(".")[-1] == name]
    if elsewhere:
        return origin.error(dotted(path), "unknown key", f"Did you mean {' or '.join(elsewhere)}?")
    where = f"[{section}] knows" if section else "The sections are"
    return origin.error(dotted(path), "unknown key", f"{where}: {', '.join(known)}")


def known_keys(section: str) -> list[str]:
    """The keys of a section or of a list of tables; the sections themselves for ""."""
    from orchestrator.config.model import Config

    model: type[BaseModel] | None = Config
    if section:
        model = settings.section_model(section) or settings.table_lists().get(section)
    return [key for key in model.model_fields if key != "captured"] if model is not None else []


_EXPECTED = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "text in quotes",
    "path_type": "text in quotes",
    "tuple_type": "a list",
    "model_type": "a table",
    "dict_type": "a table",
}
_CHOICES = {
    "llm.enabled": 'Use "auto", true or false',
    "fail_on": "Use critical, high, medium, low, info or never",
    "session.mode": "Use managed, attach or static",
}
_BOUNDS = frozenset({"greater_than", "greater_than_equal", "less_than", "less_than_equal"})
_SECRET_KEYS = frozenset({"redis.url", "nightly.ping_url"})
_SHOWN_MAX = 60


def _words(path: KeyPath, kind: str, message: str, value: object) -> tuple[str, str]:
    """Problem and remedy in our words."""
    key = dotted(path)
    shown = "the value" if key in _SECRET_KEYS else _shown(value)
    text = mask(message.removeprefix("Value error, "))
    problem, _, remedy = text.partition("; ")
    if key in _CHOICES:
        problem, remedy = f"{shown} is not a choice", _CHOICES[key]
    elif kind in _EXPECTED:
        problem = f"expected {_EXPECTED[kind]}, got {_kind_of(value)}"
    elif kind.startswith("date_"):
        problem, remedy = f"{shown} is no day", "Write it like 2026-12-31"
    elif kind in _BOUNDS:
        problem, remedy = f"{shown} is out of range", message.replace("Input", "It")
    if not remedy and settings.is_duration(key):
        remedy = "Write a duration such as '90s'"
    return problem, remedy[:1].upper() + remedy[1:] or "Correct the value"


def _shown(value: object) -> str:
    text = f"{value:g}" if isinstance(value, float) else mask(repr(value))
    return text if len(text) <= _SHOWN_MAX else text[: _SHOWN_MAX - 1] + "…"


def _kind_of(value: object) -> str:
    names = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}
    names |= {list: "a list", dict: "a table"}
    return names.get(type(value), type(value).__name__)
