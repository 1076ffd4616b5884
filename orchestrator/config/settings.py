"""Every setting by its dotted name: its variable, its flag, and how text becomes its value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, get_args, get_origin

from pydantic import BaseModel, BeforeValidator
from pydantic.fields import FieldInfo

from orchestrator.config.model import Config

PREFIX = "STREAMGAUGE_"

RESERVED_VARIABLES: Mapping[str, str] = {
    "STREAMGAUGE_PYTHON": "set for start and stop commands: the interpreter that runs streamgauge",
    "STREAMGAUGE_SESSION": "set for start and stop commands: the mark of the session that started them",
    "STREAMGAUGE_REDIS_SESSION": "the same for the server's command",
    "STREAMGAUGE_STOP_OF": "the same for stop commands",
}
"""Variables with our prefix that are no settings."""

FLAGS: Mapping[str, str] = {
    "project.root": "--project",
    "redis.url": "--redis-url",
    "redis.samples": "--samples",
    "session.mode": "--mode",
    "session.duration": "--duration",
    "session.hold": "--hold",
    "session.poll_interval": "--poll-interval",
    "llm.enabled": "--llm",
    "llm.max_cost_usd": "--max-cost-usd",
    "output.workspace": "--workspace",
    "output.state_db": "--state-db",
    "output.archive": "--archive",
    "nightly.jitter": "--jitter",
    "fail_on": "--fail-on",
}
"""Settings that have a flag."""

PATHS = frozenset(
    {
        "project.root",
        "services.env_file",
        "output.workspace",
        "output.state_db",
        "alerts.file",
        "watch.folder",
        "watch.signals",
        "watch.costs",
    }
)
"""Settings that are one path."""

_NUMBERS: Mapping[object, type[int | float]] = {int: int, float: float}
_TRUE, _FALSE = frozenset({"true", "1", "yes", "on"}), frozenset({"false", "0", "no", "off"})


@cache
def fields() -> Mapping[str, FieldInfo]:
    """Field of every setting that is one value or a list of texts; tables such as `services.list` are left out."""
    return dict(_fields())


def _fields() -> Iterator[tuple[str, FieldInfo]]:
    for name, top in Config.model_fields.items():
        section = section_model(name)
        if section is None:
            if not _is_table_list(top):
                yield name, top
            continue
        for key, field in section.model_fields.items():
            if not _is_table_list(field):
                yield f"{name}.{key}", field


def section_model(name: str) -> type[BaseModel] | None:
    """The model of a section; None for what is no section."""
    field = Config.model_fields.get(name)
    annotation = None if field is None else field.annotation
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def table_lists() -> Mapping[str, type[BaseModel]]:
    """Model of each list of tables by its dotted name: `expect`, `services.list`, `logs.sources`."""
    found: dict[str, type[BaseModel]] = {}
    for name, top in Config.model_fields.items():
        section = section_model(name)
        inner = (
            {name: top} if section is None else {f"{name}.{k}": f for k, f in section.model_fields.items()}
        )
        found |= {key: _item(field) for key, field in inner.items() if _is_table_list(field)}
    return found


def _is_table_list(field: FieldInfo) -> bool:
    return get_origin(field.annotation) is tuple and issubclass(_item(field), BaseModel)


def _item(field: FieldInfo) -> type[Any]:
    item: type[Any] = get_args(field.annotation)[0]
    return item


def variable(key: str) -> str:
    """The environment variable of a setting: `STREAMGAUGE_SESSION_DURATION` for `session.duration`."""
    return PREFIX + key.replace(".", "_").upper()


def from_text(key: str, text: str) -> object:
    """The value that a variable or flag means; text that cannot be it is returned as it is, for the model to refuse."""
    field = fields()[key]
    annotation = field.annotation
    if get_origin(annotation) is tuple:
        return _parts(text)
    if get_origin(annotation) is dict:
        pairs = [part.partition("=") for part in _parts(text)]
        return {key.strip(): value.strip() for key, _, value in pairs} if all(p[1] for p in pairs) else text
    if any(get_origin(choice) is tuple for choice in get_args(annotation)):  # a word, or a list of numbers
        parts = _parts(text)
        return [_number(int, part) for part in parts] if any(map(str.isdecimal, parts)) else text
    number: type[int | float] | None = _NUMBERS.get(annotation)
    if number is not None:
        return _number(number, text)
    if annotation is bool or bool in get_args(annotation):
        lowered = text.strip().lower()
        return True if lowered in _TRUE else False if lowered in _FALSE else text
    return text


def is_duration(key: str) -> bool:
    """Whether a setting is a duration."""
    field = fields().get(key)
    return field is not None and any(isinstance(item, BeforeValidator) for item in field.metadata)


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _number(kind: type[int | float], text: str) -> object:
    try:
        return kind(text)
    except ValueError:
        return text
