"""Scenarios: what runs, what goes wrong when, and what an audit of it has to say, as facts (docs/evaluation.md).

A scenario is `NAME.toml`, with a folder `NAME/` beside it that holds the audited project where there is one.
The labels stand in the file, outside the audited root.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from tools.errors import ConfigError, UsageError
from tools.findings.model import (
    AgentId,
    ConfigCategory,
    LogCategory,
    ScoutCategory,
    Severity,
    StreamCategory,
)
from tools.quantities import Duration

GUIDE = "docs/evaluation.md says what it may hold"
_NAME = r"^[a-z0-9][a-z0-9-]*$"
_RULE = r"^[a-z]+\.[a-z-]+$"
CATEGORIES = frozenset(
    str(category)
    for kind in (LogCategory, StreamCategory, ConfigCategory, ScoutCategory)
    for category in kind
)


def _category(text: str) -> str:
    if text not in CATEGORIES:
        raise ValueError(f"{text!r} is no category of findings; docs/rules.md lists them")
    return text


Category = Annotated[str, AfterValidator(_category)]


class Kind(StrEnum):
    """What a scenario is there for."""

    FAULT = "fault"
    CHAIN = "chain"
    """Faults of one cause that several agents see; the cause has to stand first."""
    HEALTHY = "healthy"
    """Nothing is wrong: no finding above LOW."""
    RED_HERRING = "red-herring"
    """What looks wrong is not; a fault may stand beside it."""


class _Facts(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Step(_Facts):
    """One thing that a service does, from `at` to `until`, in seconds after its process started."""

    do: Literal["produce", "consume", "command", "say", "mute", "exit", "crash", "freeze", "grow", "dial"]
    at: float = Field(default=0.0, ge=0)
    until: float | None = Field(default=None, gt=0)
    runs: tuple[int, ...] = ()
    mark: str | None = None
    # how often
    rate: float | None = Field(default=None, gt=0, description="a second")
    every: float | None = Field(default=None, gt=0, description="seconds, in place of rate")
    count: int | None = Field(default=None, ge=1)
    burst: int | None = Field(default=None, ge=1, description="entries at once")
    # streams
    stream: str | None = None
    fields: dict[str, str] | None = None
    shapes: tuple[dict[str, str], ...] | None = None
    maxlen: int | None = Field(default=None, ge=1)
    group: str | None = None
    consumer: str | None = None
    consumers: int | None = Field(default=None, ge=1)
    from_: str | None = Field(default=None, alias="from")
    take: int | None = Field(default=None, ge=1)
    block: float | None = Field(default=None, ge=0, description="seconds; 0 asks without waiting")
    gap: float | None = Field(default=None, gt=0, description="between two reads that do not wait")
    rest: float | None = Field(default=None, gt=0, description="after a batch")
    work: float | None = Field(default=None, ge=0, description="seconds a message takes")
    ack: bool | None = None
    ack_until: float | None = None
    fresh_names: bool | None = None
    reclaim: float | None = Field(default=None, gt=0, description="claim what is idle for longer")
    forward: str | None = Field(default=None, description="the stream that handled entries go on to")
    fails_on: str | None = Field(default=None, description="a field's value that cannot be handled")
    fail_every: int | None = Field(default=None, ge=1)
    fail: str | None = None
    trace: bool | None = None
    dead_letter: str | None = None
    args: tuple[str, ...] | None = Field(default=None, description="of `command`")
    # lines
    lines: tuple[str, ...] | None = None
    whole: bool | None = Field(default=None, description="all lines each time, not one after the other")
    raw: bool | None = None
    level: str | None = None
    shift: float | None = Field(default=None, description="seconds by which the lines' times are wrong")
    say: str | None = None
    # the process
    code: int | None = None
    text: str | None = None
    mb: int | None = Field(default=None, ge=1)
    variable: str | None = None

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> Step:
        needed: dict[str, tuple[str, ...]] = {
            "produce": ("stream",),
            "consume": ("stream", "group"),
            "command": ("args",),
            "say": ("lines",),
            "dial": ("variable",),
        }
        for name in needed.get(self.do, ()):
            if getattr(self, name) is None:
                raise ValueError(f"a step that does {self.do!r} needs {name}")
        return self


class Service(_Facts):
    """One process: steps of the scenario's own program, or a command of the audited project."""

    name: str = Field(pattern=_NAME)
    format: Literal["text", "json", "logfmt"] = "text"
    ready: str = "service ready"
    skew: float = Field(default=0.0, description="seconds by which its clock is wrong")
    restart: float | None = Field(default=None, ge=0, description="seconds until it is started again")
    command: tuple[str, ...] | None = Field(default=None, description="`{python}` is the interpreter")
    env: dict[str, str] = {}
    step: tuple[Step, ...] = ()

    @model_validator(mode="after")
    def _steps_or_command(self) -> Service:
        if (self.command is None) == (not self.step):
            raise ValueError("give steps, or a command of the project")
        return self


class Label(_Facts):
    """Which findings are meant. What is given has to fit; `severity` is the mildest that counts."""

    id: str | None = Field(default=None, pattern=_NAME)
    agent: AgentId | None = None
    category: Category | tuple[Category, ...] | None = None
    rule: str | None = Field(default=None, pattern=_RULE)
    stream: str | None = None
    group: str | None = None
    service: str | None = None
    file: str | None = Field(default=None, description="the end of a path")
    severity: Severity = Severity.INFO
    mark: str | None = Field(default=None, description="the step from which time is counted")
    why: str | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Label:
        if self.category is None and self.rule is None:
            raise ValueError("name a category or a rule")
        return self

    @property
    def categories(self) -> tuple[str, ...]:
        """The categories that fit; empty where all do."""
        if self.category is None:
            return ()
        return (self.category,) if isinstance(self.category, str) else self.category


class Chain(_Facts):
    """Which expected finding is the cause of which others."""

    root: str
    effects: tuple[str, ...] = Field(min_length=1)


class ScenarioFile(_Facts):
    """One scenario. `config` is what its owners would write into streamgauge.toml, as TOML."""

    title: str = Field(min_length=1)
    kind: Kind
    mode: Literal["managed", "static"] = "managed"
    duration: Duration = 30.0
    poll_interval: Duration = 2.0
    config: str = ""
    service: tuple[Service, ...] = ()
    expect: tuple[Label, ...] = ()
    tolerate: tuple[Label, ...] = ()
    forbid: tuple[Label, ...] = ()
    chain: Chain | None = None

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> ScenarioFile:
        ids = [label.id for label in self.expect]
        if None in ids or len(set(ids)) != len(ids):
            raise ValueError("each expected finding needs an id of its own")
        if self.mode == "managed" and not self.service:
            raise ValueError("a managed scenario needs services")
        if (self.kind is Kind.CHAIN) != (self.chain is not None):
            raise ValueError('kind = "chain" and [chain] belong together')
        if self.chain is not None and not {self.chain.root, *self.chain.effects} <= set(ids):
            raise ValueError("[chain] names an id that no expected finding has")
        if self.kind is Kind.HEALTHY and self.expect:
            raise ValueError("a healthy scenario expects nothing")
        marks = {step.mark for service in self.service for step in service.step}
        unknown = {label.mark for label in self.expect if label.mark is not None} - marks
        if unknown:
            raise ValueError(f"no step has the mark {min(unknown)!r}")
        return self


@dataclass(frozen=True, slots=True)
class Scenario:
    """A scenario by its name; `project` is None where nothing is audited but what runs."""

    name: str
    file: Path
    facts: ScenarioFile
    project: Path | None


def read(folder: Path, names: Sequence[str] = ()) -> tuple[Scenario, ...]:
    """The scenarios of a folder in the order of their names, or those that `names` names.

    Raises UsageError where there is none or a name is unknown, ConfigError for a file that is no scenario.
    """
    files = {file.stem: file for file in sorted(folder.glob("*.toml"))}
    if not files:
        raise UsageError(f"{folder} holds no scenarios (*.toml). {GUIDE}.")
    unknown = [name for name in names if name not in files]
    if unknown:
        raise UsageError(f"There is no scenario {unknown[0]!r}. There are: {', '.join(files)}.")
    return tuple(_read(file) for name, file in files.items() if not names or name in names)


def _read(file: Path) -> Scenario:
    try:
        facts = ScenarioFile.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
        tomllib.loads(facts.config)
    except OSError as error:
        remedy = "Make it readable."
        raise ConfigError(f"it cannot be read ({error.strerror})", remedy=remedy, file=str(file)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"it is no TOML ({error})", remedy=f"{GUIDE}.", file=str(file)) from error
    except ValidationError as error:
        key, problem = next(_problems(error))
        raise ConfigError(problem, remedy=f"{GUIDE}.", file=str(file), key=key or None) from error
    project = file.with_suffix("")
    return Scenario(file.stem, file, facts, project if project.is_dir() else None)


def _problems(error: ValidationError) -> Iterator[tuple[str, str]]:
    for found in error.errors():
        yield ".".join(map(str, found["loc"])), found["msg"]
