"""What is declared about messages: schemas of documents and code, and the streams they are of. Seen by `records`."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from tools.findings.model import EvidenceKind, Locator
from tools.findings.rule import Quote

VERSION_FIELDS = frozenset(
    {"schema_version", "schemaversion", "event_version", "eventversion", "message_version", "messageversion",
     "version", "ver", "v", "_v"}
)  # fmt: skip
"""Names, small, of the field that says by which version of its schema a message was made."""


class SchemaField(Struct, frozen=True, kw_only=True):
    """One field of a message.

    `types` are those of JSON Schema, () for any; `constant` is the one value that it may have, as text. `line` and
    the masked `text` of it are where it is declared.
    """

    name: str
    types: tuple[str, ...] = ()
    required: bool = True
    constant: str | None = None
    line: int = 0
    text: str = ""


class MessageSchema(Struct, frozen=True, kw_only=True):
    """One message of one stream. `stream` may hold `{}` for a part known only at run time; None: not said.

    `closed`: other fields are refused. `whole` is False where a part could not be read, so that nothing is judged by
    it. `text` is the masked line at which it begins.
    """

    name: str
    path: str
    line: int
    text: str
    form: Literal["asyncapi", "json-schema", "pydantic", "zod", "interface"]
    stream: str | None = None
    service: str | None = None
    fields: tuple[SchemaField, ...] = ()
    closed: bool = False
    whole: bool = True

    @property
    def names(self) -> frozenset[str]:
        """The names of all fields."""
        return frozenset(field.name for field in self.fields)

    @property
    def required(self) -> frozenset[str]:
        """The names of those that a message must have."""
        return frozenset(field.name for field in self.fields if field.required)

    def field(self, *names: str) -> SchemaField | None:
        """The first field of one of these names that is declared on a line."""
        return next((field for field in self.fields if field.name in names and field.line), None)

    def quote(self, *names: str) -> Quote:
        """The line of the first of these fields; the line at which it begins where none is declared."""
        field = self.field(*names)
        line, text = (self.line, self.text) if field is None else (field.line, field.text)
        return Quote(EvidenceKind.FILE, self.path, text, Locator(line=line))
