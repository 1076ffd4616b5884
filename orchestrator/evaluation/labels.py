"""Label files: what a person says is to be found in a repository, as facts (docs/evaluation.md)."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from tools.errors import ConfigError, UsageError

FOLDER = "labels"
_PLACE = re.compile(r"(?P<path>[^:]+?)(?::(?P<first>\d{1,9})(?:-(?P<last>\d{1,9}))?)?")
_COMMIT = r"^[0-9a-f]{40}$"
_ALL_OF_CODE = ("code.*",)


def _place(text: str) -> str:
    found = _PLACE.fullmatch(text)
    if found is None or text.startswith("/") or ".." in text.split("/"):
        raise ValueError(f"{text!r} is no place: write path, path:line, path:first-last or folder/")
    return text


Place = Annotated[str, AfterValidator(_place)]
"""A file, a line or lines of it, or a folder (ending in `/`), relative to the repository."""


class _Facts(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Label(_Facts):
    """One finding of one rule. `at` are the places where it may be told; one of them is enough."""

    rule: str = Field(pattern=r"^[a-z]+\.[a-z-]+$")
    at: tuple[Place, ...] = Field(min_length=1)


class StreamLabel(_Facts):
    """A stream, and who writes and reads it; `{}` in its name is what only a run knows.

    A producer or consumer is a place, or a list of places of which one is enough. `shared` are places of code
    that services share: what is told there is neither right nor wrong.
    """

    name: str = Field(min_length=1)
    producers: tuple[Place | tuple[Place, ...], ...] = ()
    consumers: tuple[Place | tuple[Place, ...], ...] = ()
    shared: tuple[Place, ...] = ()


RuleSet = Annotated[str, Field(pattern=r"^[a-z]+\.(?:\*|[a-z-]+)$")]
"""A rule, or all of a kind: `config.*`."""


class LabelFile(_Facts):
    """What is known of one repository. `rules` are those whose every place is labelled; all of code.* by default.

    `debatable` are places where a finding is neither right nor wrong. A repository may have several files, each with
    rules of its own.
    """

    repository: str = Field(pattern=r"^[\w.-]+/[\w.-]+$")
    commit: str = Field(pattern=_COMMIT)
    folder: str | None = Field(default=None, pattern=r"^[\w.+-]+$")
    rules: tuple[RuleSet, ...] = _ALL_OF_CODE
    finding: tuple[Label, ...] = ()
    debatable: tuple[Label, ...] = ()
    stream: tuple[StreamLabel, ...] = ()

    def covers_rule(self, rule: str) -> bool:
        """Whether every place of a rule is labelled."""
        return rule in self.rules or f"{rule.partition('.')[0]}.*" in self.rules

    @property
    def covers_streams(self) -> bool:
        """Whether every stream is labelled: where all rules about code are, or some stream is."""
        return bool(self.stream) or _ALL_OF_CODE[0] in self.rules


@dataclass(frozen=True, slots=True)
class Labelled:
    """A repository on disk and its labels."""

    root: Path
    labels: LabelFile


def read(folder: Path) -> tuple[Labelled, ...]:
    """Every labelled repository below a folder, in the order of the label files.

    Raises UsageError where there is none, ConfigError for a file that is no label file or names no folder.
    """
    files = sorted((folder / FOLDER).glob("*.toml"))
    if not files:
        raise UsageError(
            f"{folder / FOLDER} holds no label files (*.toml). Write one per repository: docs/evaluation.md."
        )
    return tuple(_read(file, folder) for file in files)


def covers(place: str, path: str, line: int | None) -> bool:
    """Whether `path` (and `line`, where both have one) lies in a place."""
    if place.endswith("/"):
        return path.startswith(place)
    found = _PLACE.fullmatch(place)
    if found is None or found["path"] != path:
        return False
    if found["first"] is None or line is None:
        return True
    return int(found["first"]) <= line <= int(found["last"] or found["first"])


def alternatives(entry: str | Sequence[str]) -> tuple[str, ...]:
    """The places of a producer or consumer of which one is enough."""
    return (entry,) if isinstance(entry, str) else tuple(entry)


def _read(file: Path, folder: Path) -> Labelled:
    labels = _parsed(file)
    root = folder / (labels.folder or file.stem)
    if not root.is_dir():
        raise ConfigError(
            f"the repository is expected in {root}, which is no folder",
            remedy=f"put {labels.repository} at {labels.commit[:12]} there, or name its folder with `folder`",
            file=str(file),
        )
    return Labelled(root, labels)


def _parsed(file: Path) -> LabelFile:
    try:
        data: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8"))
        return LabelFile.model_validate(data)
    except OSError as error:
        remedy = "make it readable"
        raise ConfigError(f"it cannot be read ({error.strerror})", remedy=remedy, file=str(file)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        remedy = "write it as TOML: docs/evaluation.md"
        raise ConfigError(f"it is no TOML ({error})", remedy=remedy, file=str(file)) from error
    except ValidationError as error:
        key, problem = next(_problems(error))
        remedy = "docs/evaluation.md says what it may hold"
        raise ConfigError(problem, remedy=remedy, file=str(file), key=key) from error


def _problems(error: ValidationError) -> Iterator[tuple[str, str]]:
    for found in error.errors():
        yield ".".join(map(str, found["loc"])), found["msg"]
