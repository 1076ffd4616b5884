"""What configuration files, documents and code declare about themselves. Detectors see it by `records`."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct

from tools.findings.model import EvidenceKind, Locator
from tools.findings.rule import Quote


class FactKind(StrEnum):
    """What a configuration file or document declares; LISTENS and LOGS are what code does."""

    ENV_SET = "env-set"
    ENV_DECLARED = "env-declared"
    PORT = "port"
    STREAM = "stream"
    GROUP = "group"
    SERVICE = "service"
    EXPOSED = "exposed"
    LISTENS = "listens"
    COMMAND = "command"
    VERSION = "version"
    LOGS = "logs"


class ConfigFact(Struct, frozen=True, kw_only=True):
    """One declaration in a configuration file or document; `value` is masked."""

    kind: FactKind
    service: str | None
    path: str
    line: int
    text: str
    name: str
    value: str | None = None
    details: Mapping[str, str] = {}
    """What else it says: `form` (env, example, compose, dockerfile, table, asyncapi, text, mention, code).

    Of a PORT `host`; of PORT and SERVICE in compose `profiles`, `network` and `project` (files of one `project` are
    deployed together); of a SERVICE also `built` ("yes": from the project's own code), `target` (a stage of its Dockerfile), `ports` ("override": those of
    other files do not hold) and `command`. Of a STREAM in a table `writers` and `readers`, names
    joined by commas, `table` (the line of its header) and `unsure` ("yes": under a heading such as Channel); of any
    STREAM `named`, a code file that holds the name between quotes. Of LISTENS and LOGS `variables`, what may change it, and `also`,
    what else the service's code names. A COMMAND of a Dockerfile named FROM is one that its image alone knows.
    """

    def quote(self) -> Quote:
        """The line and its place."""
        return Quote(EvidenceKind.FILE, self.path, self.text, Locator(line=self.line))
