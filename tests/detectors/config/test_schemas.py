"""Schemas of documents against payloads in code and entries of a server: when they differ, and what is no difference."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.detectors.config.cases import Case, check, found
from tests.sources.code.trees import index_of
from tools.detectors.config import missing_schema, schema_drift, schema_version
from tools.detectors.thresholds import Expectation

ASYNCAPI3 = """
asyncapi: 3.0.0
servers: {r: {host: x, protocol: redis}}
channels:
  placed:
    address: orders.placed
    messages:
      OrderPlaced: {$ref: '#/components/messages/OrderPlaced'}
components:
  messages:
    OrderPlaced:
      payload:
        type: object
        required: [order_id, amount, version]
        properties:
          order_id: {type: string}
          amount: {type: number}
          version: {const: '2'}
          note: {type: string}
"""
SMALL = "{payload: {type: object, required: [order_id], properties: {order_id: {type: string}}}}"
TWO = ASYNCAPI3.replace("      OrderPlaced: {$ref", f"      Small: {SMALL}\n      OrderPlaced: {{$ref", 1)
ASYNCAPI2 = """
asyncapi: 2.6.0
channels:
  orders.placed:
    publish:
      message:
        name: OrderPlaced
        payload: {type: object, required: [order_id, amount], properties: {order_id: {type: string}, amount: {type: number}}}
"""
JSON_SCHEMA = """{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "OrderPlaced",
  "type": "object",
  "additionalProperties": false,
  "required": ["order_id", "amount"],
  "properties": {
    "order_id": {"type": "string"},
    "amount": {"type": "number"}
  }
}
"""
CHOICE = """{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "x-redis-stream": "orders.placed",
  "oneOf": [
    {"title": "Paid", "type": "object", "additionalProperties": false, "required": ["kind", "amount"],
     "properties": {"kind": {"type": "string"}, "amount": {"type": "number"}}},
    {"$ref": "#/$defs/Refused"}
  ],
  "$defs": {
    "Refused": {"type": "object", "required": ["kind", "reason"], "properties": {"kind": {}, "reason": {}}}
  }
}
"""
DOCS = {"docs/events.yaml": ASYNCAPI3}


def adds(*fields: str, stream: str = "orders.placed", **constants: str) -> str:
    """Python that adds an entry with these fields."""
    pairs = [f'"{name}": x.{name}' for name in fields] + [
        f'"{name}": "{value}"' for name, value in constants.items()
    ]
    return f'def f(r, x):\n    r.xadd("{stream}", {{{", ".join(pairs)}}}, maxlen=10)\n'


GOOD = adds("order_id", "amount", version="2")
LATE_MS = 1_750_000_000_000
DRIFT = {
    "a required field is missing": Case(DOCS | {"a.py": adds("order_id", version="2")}, [("MEDIUM", "amount")]),
    "all is there": Case(DOCS | {"a.py": GOOD}),
    "a field more than documented": Case(DOCS | {"a.py": adds("order_id", "amount", "extra", version="2")}),
    "an optional field is missing": Case(DOCS | {"a.py": GOOD}),
    "version 2 of AsyncAPI": Case({"e.yaml": ASYNCAPI2, "a.py": adds("order_id")}, [("MEDIUM", "amount")]),
    "version 2 of AsyncAPI, all is there": Case({"e.yaml": ASYNCAPI2, "a.py": adds("order_id", "amount")}),
    "a JSON Schema by the name of the stream": Case(
        {"s/order-placed.schema.json": JSON_SCHEMA, "a.py": adds("order_id")}, [("MEDIUM", "amount")]
    ),
    "a JSON Schema that names its stream": Case(
        {"s/x.json": JSON_SCHEMA.replace('"title": "OrderPlaced"', '"x-redis-stream": "orders.placed"'), "a.py": adds("order_id")},
        [("MEDIUM", "amount")],
    ),
    "a JSON Schema of something else": Case({"s/other.schema.json": JSON_SCHEMA.replace("OrderPlaced", "Settings"), "a.py": adds("order_id")}),
    "a field that a closed schema refuses": Case(
        {"s/order-placed.schema.json": JSON_SCHEMA, "a.py": adds("order_id", "amount", "extra")}, [("MEDIUM", "extra")]
    ),
    "TypeScript, in JSON": Case(
        DOCS | {"a.ts": "redis.xadd('orders.placed', '*', 'data', JSON.stringify({ order_id: o.id, version: '2' }));\n"},
        [("MEDIUM", "amount")],
    ),
    "TypeScript, in JSON, all is there": Case(
        DOCS | {"a.ts": "redis.xadd('orders.placed', '*', 'data', JSON.stringify({ order_id: o.id, amount: 1, version: '2' }));\n"}
    ),
    "in JSON that cannot be read": Case(DOCS | {"a.ts": "redis.xadd('orders.placed', '*', 'data', JSON.stringify(order));\n"}),
    "in a field that may hold the rest": Case(DOCS | {"a.py": adds("order_id", "version", "payload")}),
    "fields known only at run time": Case(DOCS | {"a.py": 'def f(r, x):\n    r.xadd("orders.placed", {"order_id": 1, "version": "2", **x}, maxlen=1)\n'}),
    "a stream known only at run time": Case(DOCS | {"a.py": 'def f(r, s):\n    r.xadd(s, {"order_id": 1, "version": "2"}, maxlen=1)\n'}),
    "another form of message": Case(DOCS | {"a.py": adds("kind", "at", "by")}),
    "one of two messages fits": Case({"e.yaml": TWO, "a.py": adds("order_id")}),
    "none of two messages fits": Case(
        {"e.yaml": TWO.replace("[order_id], properties: {order_id", "[order_id, region], properties: {order_id"), "a.py": adds("order_id", "amount")},
        [("MEDIUM", "region")],
    ),
    "what every alternative needs": Case(
        {"e.yaml": ASYNCAPI3.replace("        type: object", "        oneOf: [{required: [order_id]}, {required: [bill_id]}]"), "a.py": adds("order_id", version="2")},
        [("MEDIUM", "amount")],
    ),
    "one of two alternatives": Case({"s/x.json": CHOICE, "a.py": adds("kind", "amount")}),
    "the other of two alternatives": Case({"s/x.json": CHOICE, "a.py": adds("kind", "reason")}),
    "none of two alternatives": Case({"s/x.json": CHOICE, "a.py": adds("kind", "amonut")}, [("MEDIUM", "reason")]),
    "alternatives within an alternative": Case(
        {"s/x.json": CHOICE.replace('"title": "Paid"', '"anyOf": [{"required": ["x"]}, {"required": ["y"]}]'), "a.py": adds("kind", "amonut")}
    ),
    "a condition that a list of fields cannot tell": Case(
        {"e.yaml": ASYNCAPI3.replace("        type: object", "        if: {required: [bill_id]}"), "a.py": adds("order_id", version="2")}
    ),
    "an entry whose field may be of two types": Case(
        {"e.yaml": ASYNCAPI3.replace("amount: {type: number}", "amount: {anyOf: [{type: number}, {type: 'null'}]}")},
        now={"orders.placed": {}}, entries={"orders.placed": [{"order_id": "id", "amount": "empty", "version": "int"}]},
    ),
    "an entry whose field is of neither of two types": Case(
        {"e.yaml": ASYNCAPI3.replace("amount: {type: number}", "amount: {anyOf: [{type: number}, {type: 'null'}]}")},
        [("MEDIUM", "amount")],
        now={"orders.placed": {}}, entries={"orders.placed": [{"order_id": "id", "amount": "text", "version": "int"}]},
    ),
    "a reference to another file": Case(
        {"e.yaml": ASYNCAPI3.replace("{$ref: '#/components/messages/OrderPlaced'}", "{$ref: 'other.yaml#/x'}"), "a.py": adds("order_id")}
    ),
    "a schema of Avro": Case(
        {"e.yaml": ASYNCAPI3.replace("      payload:", "      schemaFormat: application/vnd.apache.avro;version=1.9.0\n      payload:"), "a.py": adds("order_id", version="2")}
    ),
    "a document of another broker": Case({"e.yaml": ASYNCAPI3.replace("protocol: redis", "protocol: kafka"), "a.py": adds("order_id", version="2")}),
    "a family of streams": Case(
        {"e.yaml": ASYNCAPI3.replace("orders.placed", "orders.{region}"), "a.py": adds("order_id", stream="orders.eu", version="2")},
        [("MEDIUM", "amount")],
    ),
    "silenced": Case(
        DOCS | {"a.py": adds("order_id", version="2").replace("maxlen=10)", "maxlen=10)  # streamgauge-ignore config.schema-drift a test event")}
    ),
    "entries lack a field": Case(
        DOCS, [("MEDIUM", "amount")], now={"orders.placed": {}}, entries={"orders.placed": [{"order_id": "id", "version": "int"}]}
    ),
    "entries are as documented": Case(
        DOCS, now={"orders.placed": {}}, entries={"orders.placed": [{"order_id": "id", "amount": "float", "version": "int"}]}
    ),
    "entries of another type": Case(
        DOCS, [("MEDIUM", "amount")], now={"orders.placed": {}},
        entries={"orders.placed": [{"order_id": "id", "amount": "text", "version": "int"}]},
    ),
    "a whole number for a number": Case(
        DOCS, now={"orders.placed": {}}, entries={"orders.placed": [{"order_id": "int", "amount": "int", "version": "int"}]}
    ),
    "an empty value": Case(
        DOCS, now={"orders.placed": {}}, entries={"orders.placed": [{"order_id": "id", "amount": "empty", "version": "int"}]}
    ),
    "entries in JSON": Case(DOCS, now={"orders.placed": {}}, entries={"orders.placed": [{"data": "json"}]}),
    "entries of another form": Case(DOCS, now={"orders.placed": {}}, entries={"orders.placed": [{"kind": "text", "at": "int"}]}),
    "entries of another database": Case(
        DOCS, [("MEDIUM", "amount")], now={"orders.placed@db2": {}}, entries={"orders.placed@db2": [{"order_id": "id", "version": "int"}]}
    ),
    "entries from before": Case(
        DOCS, now={"orders.placed": {}}, at_ms=LATE_MS,
        entries={"orders.placed": [{"__id": f"{LATE_MS - 4_000_000}-0", "order_id": "id", "version": "int"}]},
    ),
    "a stream that no document names": Case(DOCS, now={"other": {}}, entries={"other": [{"order_id": "id"}]}),
}  # fmt: skip


@pytest.mark.parametrize("case", DRIFT.values(), ids=DRIFT.keys())
def test_messages_against_their_schema(case: Case, tmp_path: Path) -> None:
    check(schema_drift, case, tmp_path)


def test_a_drift_quotes_the_code_and_the_schemas_own_line(tmp_path: Path) -> None:
    (symptom,) = found(schema_drift, Case(DOCS | {"a.py": adds("order_id", version="2")}), tmp_path)
    assert [(quote.source, quote.text) for quote in symptom.evidence] == [
        ("a.py", '    r.xadd("orders.placed", {"order_id": x.order_id, "version": "2"}, maxlen=10)'),
        ("docs/events.yaml", "amount: {type: number}"),
    ]


def test_a_drift_of_entries_quotes_the_shape_and_the_line_and_no_value(tmp_path: Path) -> None:
    case = Case(
        DOCS | {"a.py": GOOD},
        now={"orders.placed": {}},
        entries={"orders.placed": [{"order_id": "id", "amount": "text", "version": "int"}]},
    )
    (symptom,) = found(schema_drift, case, tmp_path)
    assert [quote.kind.value for quote in symptom.evidence] == ["redis", "file", "file"]
    assert "has 'amount' as text, not number" in symptom.title


MISSING = {
    "a stream without a schema": Case(DOCS | {"a.py": GOOD, "b.py": adds("x", stream="bills")}, [("LOW", "bills")]),
    "every stream has one": Case(DOCS | {"a.py": GOOD}),
    "a project without schemas": Case({"a.py": GOOD, "b.py": adds("x", stream="bills")}),
    "schemas of other streams alone": Case(DOCS | {"b.py": adds("x", stream="bills")}),
    "dead letters": Case(DOCS | {"a.py": GOOD, "b.py": adds("x", stream="orders.dlq")}),
    "a name known only at run time": Case(DOCS | {"a.py": GOOD, "b.py": "def f(r, s):\n    r.xadd(s, {})\n"}),
    "expected": Case(DOCS | {"a.py": GOOD, "b.py": adds("x", stream="bills")}, expect=(Expectation(stream="bills"),)),
    "a schema in a file of its own": Case(
        DOCS | {"a.py": GOOD, "b.py": adds("x", stream="bill"), "s/bills.schema.json": JSON_SCHEMA.replace("OrderPlaced", "Bill")}
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", MISSING.values(), ids=MISSING.keys())
def test_streams_without_a_schema(case: Case, tmp_path: Path) -> None:
    check(missing_schema, case, tmp_path)


VERSIONS = {
    "another version": Case(DOCS | {"a.py": adds("order_id", "amount", version="1")}, [("MEDIUM", "version")]),
    "the version": Case(DOCS | {"a.py": GOOD}),
    "a version from a constant": Case(
        DOCS | {"a.py": 'VERSION = 1\ndef f(r, x):\n    r.xadd("orders.placed", {"version": VERSION}, maxlen=1)\n'}, [("MEDIUM", "version")]
    ),
    "a version in JSON": Case(
        DOCS | {"a.ts": "redis.xadd('orders.placed', '*', 'data', JSON.stringify({ order_id: 1, version: '1' }));\n"}, [("MEDIUM", "version")]
    ),
    "a version known only at run time": Case(DOCS | {"a.py": adds("order_id", "amount", "version")}),
    "a schema that fixes no version": Case({"e.yaml": ASYNCAPI2, "a.py": adds("order_id", "amount", version="1")}),
    "no version, where others carry one": Case(
        {"a.py": adds("x", version="1"), "b.py": adds("x", stream="bills", version="1"), "c.py": adds("x", stream="mails")},
        [("LOW", "no version")],
    ),
    "no version, where one other carries one": Case({"a.py": adds("x", version="1"), "c.py": adds("x", stream="mails")}),
    "nobody has a version": Case({"a.py": adds("x"), "b.py": adds("x", stream="bills"), "c.py": adds("x", stream="mails")}),
    "no version, in a payload known only in part": Case(
        {"a.py": adds("x", version="1"), "b.py": adds("x", stream="bills", version="1"),
         "c.py": 'def f(r, x):\n    r.xadd("mails", {"a": 1, **x}, maxlen=1)\n'}
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", VERSIONS.values(), ids=VERSIONS.keys())
def test_versions_of_messages(case: Case, tmp_path: Path) -> None:
    check(schema_version, case, tmp_path)


HOSTILE = {
    "references in circles": "asyncapi: 3.0.0\nchannels:\n  a.b:\n    messages:\n      X: {payload: {$ref: '#/components/schemas/A'}}\n"
    "components:\n  schemas:\n    A: {$ref: '#/components/schemas/B'}\n    B: {$ref: '#/components/schemas/A'}\n",
    "a schema inside of itself": "asyncapi: 3.0.0\nchannels:\n  a.b:\n    messages:\n      X: {payload: {$ref: '#/components/schemas/A'}}\n"
    "components:\n  schemas:\n    A: {allOf: [{$ref: '#/components/schemas/A'}]}\n",
    "odd shapes": "asyncapi: 3.0.0\nchannels:\n  a.b: {messages: [1], publish: 7}\n  c.d: {messages: {X: {payload: [1]}}}\n",
    "a key that is no text": "asyncapi: 3.0.0\nchannels:\n  ? [a, b]\n  : {address: a.b, messages: {X: {payload: {properties: {? {a: 1} : {}}}}}}\n",
}  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_document_makes_no_schema_that_is_judged_by(text: str, tmp_path: Path) -> None:
    index = index_of(tmp_path, {"e.yaml": text})
    assert not [schema for schema in index.schemas if schema.whole and schema.fields]
    assert index.gaps == ()
