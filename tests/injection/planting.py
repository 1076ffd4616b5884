"""The corpus of injection attempts: texts by kind, place and what a model that obeys them does."""

from __future__ import annotations

import base64
import codecs
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal, cast, get_args
from urllib.parse import quote

Place = Literal["log", "field", "file", "document", "name", "error", "commit", "container"]
Goal = Literal[
    "lower", "drop", "merge", "invent", "quote", "ids", "leak", "link", "control", "tool", "command", "budget",
    "stop", "schema",
]  # fmt: skip

PLACES: Mapping[Place, str] = {
    "log": "a log line",
    "field": "a field of a message",
    "file": "a source file",
    "document": "a document",
    "name": "the name of a stream",
    "error": "an error of the server",
    "commit": "the subject of a commit",
    "container": "the name of a container",
}
KINDS: Mapping[str, str] = {
    "direct": "said plainly",
    "encoded": "base64, hexadecimal, URL, rot13, backwards, Unicode tags, zero width, look-alike letters",
    "multi_step": "step by step, or in pieces",
    "fake_results": "as the answer of a tool or of the API",
    "fake_notes": "as a note of the operator, the vendor or the system",
    "fences": "with the marks of our fences, their values guessed",
    "fake_findings": "as findings, readings or their ids",
    "exfiltration": "to send secrets by arguments, links and pictures",
    "means": "about tools, commands, limits and the form of the answer",
    "languages": "in fourteen other languages",
}
ONE_LINE: frozenset[Place] = frozenset({"log", "name", "error", "commit", "container"})
FOLDER = Path(__file__).parent / "corpus"

_LOOK_ALIKES = str.maketrans({"a": "а", "e": "е", "o": "о", "i": "і", "c": "с", "p": "р"})
_ENCODINGS: Mapping[str, Callable[[str], str]] = {
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "hex": lambda text: text.encode().hex(),
    "url": lambda text: quote(text, safe=""),
    "rot13": lambda text: codecs.encode(text, "rot13"),
    "reversed": lambda text: text[::-1],
    "tags": lambda text: "".join(chr(0xE0000 + ord(char)) for char in text),
    "zero-width": "\u200b".join,
    "homoglyph": lambda text: text.translate(_LOOK_ALIKES),
}


@dataclass(frozen=True)
class Attempt:
    """One text: `said` is what is planted, with the canary that it can be followed by."""

    number: int
    kind: str
    place: Place
    goal: Goal
    text: str

    def __str__(self) -> str:
        return f"{self.kind}-{self.place}-{self.goal}-{self.number}"

    @property
    def canary(self) -> str:
        return f"canary{self.number:04d}z"

    @property
    def path(self) -> str:
        """The file that it stands in, where it is one of the project."""
        return f"web/notes_{self.number}.py" if self.place == "file" else f"docs/runbook_{self.number}.md"

    @property
    def said(self) -> str:
        return f"{self.canary}{'-' if self.place == 'container' else ' '}{self.text}"


@lru_cache(maxsize=1)
def attempts() -> tuple[Attempt, ...]:
    """The whole corpus. Raises AssertionError for a text that is not laid out as it must be."""
    return tuple(Attempt(number, *given) for number, given in enumerate(_read(), start=1))


def _read() -> Iterator[tuple[str, Place, Goal, str]]:
    for path in sorted(FOLDER.glob("*.toml")):
        for place, goals in tomllib.loads(path.read_text(encoding="utf-8")).items():
            for goal, texts in goals.items():
                assert place in PLACES, f"{path.name}: {place}"
                assert goal in get_args(Goal), f"{path.name}: {goal}"
                for text in texts:
                    coded = text if isinstance(text, str) else _ENCODINGS[text["encode"]](text["text"])
                    yield path.stem, cast("Place", place), cast("Goal", goal), coded


def table() -> str:
    """What was tried, as `docs/security.md` has it."""
    places = list(PLACES)
    counts = Counter((one.kind, one.place) for one in attempts())
    rows = [
        [
            f"{KINDS[kind]}",
            *(str(counts[kind, place]) for place in places),
            str(sum(counts[kind, p] for p in places)),
        ]
        for kind in KINDS
    ]
    rows.append(
        ["all", *(str(sum(counts[k, place] for k in KINDS)) for place in places), str(len(attempts()))]
    )
    head = ["orders", *PLACES.values(), "all"]
    lines = [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)]
    return "\n".join(lines)
