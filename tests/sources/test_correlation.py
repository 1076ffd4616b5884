"""The correlation id of a record or an entry: found where people put it, and never anything else."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.sources import correlation

UUID = "0b7e1e5e-9c1f-4a53-8a0e-5f1f2f3f4f5f"


def entry(**fields: str) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in fields.items()]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param(entry(correlationId=UUID), UUID.encode(), id="a field of its own"),
        pytest.param(entry(correlation_id="c-1", traceId="t-1"), b"c-1", id="the correlation id before the trace id"),
        pytest.param(entry(traceId="t-1", id="7"), b"t-1", id="a trace id"),
        pytest.param([(b"X-Correlation-ID", b"c-1")], b"c-1", id="a header's spelling"),
        pytest.param(entry(payload='{"requestId":"r-1"}'), b"r-1", id="inside JSON"),
        pytest.param(entry(payload='{"requestId":7}'), b"7", id="a number inside JSON"),
        pytest.param(entry(data='{"headers":{"correlation_id":"c-2"},"x":1}'), b"c-2", id="one level down"),
        pytest.param(entry(a="{", b="{}", c='{"meta":{"traceId":"t"}}'), b"t", id="behind broken JSON"),
        pytest.param(entry(id="7", order="o-1"), None, id="another id is none"),
        pytest.param(entry(payload='{"data":{"id":"alice@example.com"}}'), None, id="a user's"),
        pytest.param(entry(data='{"payload":{"id":42}}'), None, id="an order's"),
        pytest.param(entry(event='{"headers":{"id":"m-1"},"metadata":{"id":"m-2"},"envelope":{"id":"m-3"}}'), None, id="an envelope's"),
        pytest.param(entry(body='{"context":{"id":"Bearer abcdef0123456789"},"meta":{"id":"x"},"req":{"id":"y"}}'), None, id="whatever holds it"),
        pytest.param(entry(correlationId=""), None, id="empty"),
        pytest.param(entry(correlationId="x" * 201), None, id="too long for an id"),
        pytest.param(entry(p=json.dumps({"correlationId": "x" * 201})), None, id="too long, inside JSON"),
        pytest.param(entry(payload='{"correlationId":true}'), None, id="a truth is no id"),
        pytest.param(entry(payload='{"correlationId":{"a":1}}'), None, id="an object is no id"),
        pytest.param([(b"\xff\xfe", b"\x00"), (b"traceId", b"\xff\x00")], b"\xff\x00", id="binary"),
        pytest.param([], None, id="no field"),
    ],
)  # fmt: skip
def test_the_id_of_an_entry(fields: list[tuple[bytes, bytes]], expected: bytes | None) -> None:
    assert correlation.of_entry(fields) == expected


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"req": {"id": "r-1"}}, "r-1"),
        ({"ctx": {"id": 7}}, "7"),
        ({"trace": {"id": "t-1"}}, "t-1"),
        ({"meta": {"id": "alice@example.com"}}, None),
        ({"data": {"id": "alice@example.com"}}, None),
        ({"id": "alice@example.com"}, None),
        ({"meta": {"traceId": "t-1"}}, "t-1"),
    ],
)
def test_the_id_of_a_log_record(record: dict[str, object], expected: str | None) -> None:
    assert correlation.of_data(record) == expected


@given(st.lists(st.tuples(st.binary(max_size=30), st.binary(max_size=300)), max_size=8))
def test_any_entry_gives_an_id_of_its_own_or_none(fields: list[tuple[bytes, bytes]]) -> None:
    found = correlation.of_entry(fields)
    assert found is None or any(found in value for _, value in fields)


@given(
    noise=st.dictionaries(st.text(max_size=10), st.text(max_size=20), max_size=5),
    key=st.sampled_from(correlation.ID_KEYS),
    value=st.text(min_size=1, max_size=60),
    nested=st.booleans(),
)
def test_an_id_is_found_whatever_stands_beside_it(
    noise: dict[str, str], key: str, value: str, nested: bool
) -> None:
    known = {name.lower() for name in correlation.ID_KEYS}
    data: dict[str, object] = {name: text for name, text in noise.items() if name.lower() not in known}
    data |= {key: value}
    payload = {"meta": data} if nested else data
    raw = json.dumps(payload).encode()
    if "id" in data and nested:  # inside a holder a plain `id` is one too, but the named one goes first
        assert correlation.of_data(payload) == value
    assert correlation.of_entry([(b"body", raw)]) == value.encode("utf-8", "surrogatepass")


def test_a_deep_payload_is_no_trouble() -> None:
    assert correlation.of_entry([(b"payload", b'{"a":' * 20_000 + b"1" + b"}" * 20_000)]) is None
