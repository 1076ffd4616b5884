"""Models in code (pydantic, zod, interfaces): the fields of payloads, and readers that refuse what is sent."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.detectors.config.cases import Case, check, found
from tests.sources.code.trees import index_of, uses
from tools.detectors.config import missing_schema, schema_drift
from tools.sources.records import CodeKind

MODEL = (
    "from typing import Literal\nfrom pydantic import BaseModel\n"
    "class Envelope(BaseModel):\n    version: Literal['2'] = '2'\n"
    "class Placed(Envelope):\n    order_id: str\n    amount: float\n    note: str | None = None\n"
)
PY = {"shared/model.py": MODEL, "shared/__init__.py": ""}
ZOD = {
    "shared/model.ts": "import { z } from 'zod';\n"
    "export const Base = z.object({ order_id: z.string(), note: z.string().optional() });\n"
    "export const Placed = Base.extend({ version: z.literal('2'), amount: z.coerce.number() }).strict();\n"
    "export interface Row { order_id: string; note?: string }\n"
    "export interface Full extends Row { amount: number; version: '2' }\n"
    "export interface Open extends Row { [key: string]: unknown }\n"
}
IMPORT = "from shared.model import Placed\n"
TS_IMPORT = "import { Placed, Row, Full, Open } from './shared/model';\n"
ALL = {"order_id", "amount", "note", "version"}
PAYLOADS = {
    "a parameter of a model": (
        PY | {"a.py": IMPORT + "def f(r, p: Placed):\n    r.xadd('s1', p.model_dump(), maxlen=1)\n"}, ALL, set(), False
    ),
    "an instance": (
        PY | {"a.py": IMPORT + "def f(r):\n    r.xadd('s1', Placed(order_id='1', amount=2).dict(), maxlen=1)\n"}, ALL, set(), False
    ),
    "JSON of a model": (
        PY | {"a.py": IMPORT + "def f(r, p: Placed):\n    r.xadd('s1', {'data': p.model_dump_json()}, maxlen=1)\n"}, {"data"}, ALL, False
    ),
    "a part of a model": (
        PY | {"a.py": IMPORT + "def f(r, p: Placed):\n    r.xadd('s1', p.model_dump(exclude_none=True), maxlen=1)\n"}, ALL, set(), True
    ),
    "a model with aliases": (
        {"a.py": "from pydantic import BaseModel, Field\nclass P(BaseModel):\n    order_id: str = Field(alias='orderId')\n"
                 "def f(r, p: P):\n    r.xadd('s1', p.model_dump(), maxlen=1)\n"}, {"order_id"}, set(), True
    ),
    "a class that is no model": (
        {"a.py": "class P:\n    order_id: str\ndef f(r, p: P):\n    r.xadd('s1', p.model_dump(), maxlen=1)\n"}, set(), set(), True
    ),
    "a base of another package": (
        {"a.py": "from pydantic import BaseModel\nfrom other import Base\nclass P(Base, BaseModel):\n    order_id: str\n"
                 "def f(r, p: P):\n    r.xadd('s1', p.model_dump(), maxlen=1)\n"}, {"order_id"}, set(), True
    ),
    "what zod parsed": (
        ZOD | {"a.ts": TS_IMPORT + "async function f(r, x) { await r.xadd('s1', '*', 'data', JSON.stringify(Placed.parse(x))); }\n"},
        {"data"}, ALL, False,
    ),
    "a parameter with an interface, which may have more": (
        ZOD | {"a.ts": TS_IMPORT + "async function f(r, row: Row) { await r.xAdd('s1', '*', row); }\n"}, {"order_id", "note"}, set(), True
    ),
    "a type of another package": (
        {"a.ts": "import { Row } from 'other';\nasync function f(r, row: Row) { await r.xAdd('s1', '*', row); }\n"}, set(), set(), True
    ),
}  # fmt: skip


@pytest.mark.parametrize(("files", "outer", "inner", "is_open"), PAYLOADS.values(), ids=PAYLOADS.keys())
def test_a_payload_has_the_fields_of_its_model(
    files: dict[str, str], outer: set[str], inner: set[str], is_open: bool, tmp_path: Path
) -> None:
    (use,) = uses(index_of(tmp_path, files), CodeKind.XADD)
    assert (set(use.fields), set(use.around.inner_fields), use.around.fields_open) == (outer, inner, is_open)


def test_an_index_is_the_same_each_time(tmp_path: Path) -> None:
    files, _, _, _ = PAYLOADS["JSON of a model"]
    (use,) = uses(index_of(tmp_path, files), CodeKind.XADD)
    assert use.around.inner_fields == ("version", "order_id", "amount", "note")


def py(reader: str, writer: str) -> dict[str, str]:
    """A writer and a reader of one stream, in Python."""
    read = (
        f"{IMPORT}def run(r):\n    for _, entries in r.xreadgroup('g', 'c', {{'s1': '>'}}):\n"
        f"        for id, fields in entries:\n            handle(fields)\ndef handle(fields):\n    {reader}\n"
    )
    return PY | {"reader.py": read, "writer.py": f"{IMPORT}def add(r, x, p: Placed):\n    {writer}\n"}


GOOD = "r.xadd('s1', {'order_id': x, 'amount': x, 'version': '2'}, maxlen=1)"
LACKS = "r.xadd('s1', {'order_id': x, 'version': '2'}, maxlen=1)"
TS_READER = (
    TS_IMPORT + "export async function run(redis) {\n"
    "  const rows = await redis.xreadgroup('GROUP', 'g', 'c', 'STREAMS', 's1', '>');\n"
    "  for (const row of rows) { const order = Placed.parse(JSON.parse(row.data)); save(order); }\n}\n"
)
READERS = {
    "no producer makes what the reader wants": Case(py("Placed(**fields)", LACKS), [("HIGH", "amount")]),
    "validated": Case(py("Placed.model_validate(fields)", LACKS), [("HIGH", "amount")]),
    "every field is there": Case(py("Placed(**fields)", GOOD)),
    "one of two producers makes it": Case(py("Placed(**fields)", GOOD + "\n    " + LACKS)),
    "made by the same model": Case(py("Placed(**fields)", "r.xadd('s1', p.model_dump(), maxlen=1)")),
    "a payload known only in part": Case(py("Placed(**fields)", "r.xadd('s1', {'order_id': x, **x}, maxlen=1)")),
    "another producer known only at run time": Case(py("Placed(**fields)", LACKS + "\n    r.xadd(x, p, maxlen=1)")),
    "no producer in the project": Case(py("Placed(**fields)", "pass")),
    "two models, by the kind of message": Case(
        py("Placed(**fields) if fields['version'] else Envelope(**fields)", LACKS)
        | {"shared/model.py": MODEL} | {"reader.py": py("Placed(**fields) if fields else Envelope(**fields)", LACKS)["reader.py"].replace(
            "import Placed", "import Envelope, Placed")}
    ),
    "zod": Case(
        ZOD | {"reader.ts": TS_READER, "writer.ts": "redis.xadd('s1', '*', 'data', JSON.stringify({ order_id: 1, version: '2' }));\n"},
        [("HIGH", "amount")],
    ),
    "zod, every field is there": Case(
        ZOD | {"reader.ts": TS_READER, "writer.ts": "redis.xadd('s1', '*', 'data', JSON.stringify({ order_id: 1, amount: 1, version: '2' }));\n"}
    ),
    "zod that transforms": Case(
        ZOD | {"reader.ts": TS_READER.replace("Placed.parse", "Placed.or(Base).parse"),
               "writer.ts": "redis.xadd('s1', '*', 'data', JSON.stringify({ order_id: 1, version: '2' }));\n"}
    ),
    "entries lack a field of the only producer's model": Case(
        py("pass", "r.xadd('s1', p.model_dump(), maxlen=1)"), [("MEDIUM", "amount")], now={"s1": {}},
        entries={"s1": [{"order_id": "id", "version": "int"}]},
    ),
    "entries are as the only producer's model": Case(
        py("pass", "r.xadd('s1', p.model_dump(), maxlen=1)"), now={"s1": {}},
        entries={"s1": [{"order_id": "id", "version": "int", "amount": "float", "note": "empty"}]},
    ),
    "entries of another producer": Case(
        py("pass", "r.xadd('s1', p.model_dump(), maxlen=1)\n    r.xadd('s1', x, maxlen=1)"), now={"s1": {}},
        entries={"s1": [{"order_id": "id", "version": "int"}]},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", READERS.values(), ids=READERS.keys())
def test_readers_with_a_model(case: Case, tmp_path: Path) -> None:
    check(schema_drift, case, tmp_path)


def test_a_reader_that_refuses_is_told_with_its_line_the_fields_line_and_the_producers(
    tmp_path: Path,
) -> None:
    (symptom,) = found(schema_drift, Case(py("Placed(**fields)", LACKS)), tmp_path)
    assert [(quote.source, quote.text.strip()) for quote in symptom.evidence] == [
        ("reader.py", "for _, entries in r.xreadgroup('g', 'c', {'s1': '>'}):"),
        ("shared/model.py", "amount: float"),
        ("writer.py", LACKS),
    ]


INTERFACES = {
    "an interface lacks a documented field": ("Row", ["amount", "version"]),
    "an interface has all": ("Full", []),
    "an interface with an index": ("Open", []),
}
DOCUMENT = """
asyncapi: 3.0.0
channels:
  s1:
    address: s1
    messages:
      Placed:
        payload: {type: object, required: [order_id, amount, version], properties: {order_id: {}, note: {}, amount: {}, version: {}}}
"""


@pytest.mark.parametrize(("kind", "missing"), INTERFACES.values(), ids=INTERFACES.keys())
def test_an_interface_against_a_document(kind: str, missing: list[str], tmp_path: Path) -> None:
    document = DOCUMENT.replace("[order_id, amount, version]", "[order_id, note, amount, version]")
    code = TS_IMPORT + f"async function f(r, row: {kind}) {{ await r.xAdd('s1', '*', row); }}\n"
    symptoms = found(schema_drift, Case(ZOD | {"e.yaml": document, "a.ts": code}), tmp_path)
    assert [list(symptom.entity[3:]) for symptom in symptoms] == ([missing] if missing else [])


def test_a_stream_with_a_model_is_described(tmp_path: Path) -> None:
    files = py("Placed(**fields)", GOOD + "\n    r.xadd('s2', {'a': x}, maxlen=1)")
    assert [symptom.streams for symptom in found(missing_schema, Case(files), tmp_path)] == [("s2",)]


def test_types_of_parameters_alone_are_no_promise_that_messages_are_described(tmp_path: Path) -> None:
    code = TS_IMPORT + (
        "async function f(r, row: Row) { await r.xAdd('s1', '*', row); }\n"
        "async function g(r, x) { await r.xAdd('s2', '*', { a: x }); }\n"
    )
    assert found(missing_schema, Case(ZOD | {"a.ts": code}), tmp_path) == []
