"""Which of the streams that documents name stand in code as a text, whatever that code does with it.

It may be a channel of Pub/Sub, a key that is put together elsewhere, or a stream of code that is not parsed: a document
that names it is not wrong about its being there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import re2
from msgspec.structs import replace

from tools.sources.code.other_sources import OTHER_LANGUAGES
from tools.sources.code.program_index import Program
from tools.sources.code.walk import ProjectFile, read_text
from tools.sources.config_records import ConfigFact, FactKind

NAMES_MAX = 500
_QUOTES = "[\"'`]"


def marked(
    facts: Iterable[ConfigFact], program: Program, files: Iterable[ProjectFile]
) -> tuple[ConfigFact, ...]:
    """The facts; of a STREAM whose name code holds between quotes `named` is the file where it does."""
    every = tuple(facts)
    names = sorted({fact.name for fact in every if fact.kind is FactKind.STREAM})[:NAMES_MAX]
    if not names:
        return every
    either = re2.compile(f"{_QUOTES}({'|'.join(map(re2.escape, names))}){_QUOTES}")
    found: dict[str, str] = {}
    for path, text in _texts(program, files):
        for match in either.finditer(text):
            found.setdefault(match.group(1), path)
    return tuple(
        replace(fact, details={**fact.details, "named": found[fact.name]})
        if fact.kind is FactKind.STREAM and fact.name in found
        else fact
        for fact in every
    )


def _texts(program: Program, files: Iterable[ProjectFile]) -> Iterator[tuple[str, str]]:
    yield from program.texts()
    for file in files:
        if file.ending in OTHER_LANGUAGES:
            try:
                text = read_text(file)
            except OSError:
                continue
            yield file.path, text or ""
