"""Merged output told apart by its prefixes; the recordings are the output of real tools."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.sources.logs.prefix import Demultiplexer, service_name, without_ansi

RECORDINGS = sorted((Path(__file__).parent / "prefixes").glob("*.jsonl"))
UNNAMED_MAX = 2
"""Lines of a service that may come before its name counts."""

FORMS = {
    "compose": ("orders-1    | ready", "orders", "ready"),
    "compose-plain": ("orders  | ready", "orders", "ready"),
    "foreman": ("12:00:01 orders.1 | ready", "orders", "ready"),
    "concurrently": ("[orders] ready", "orders", "ready"),
    "npm-run-all": ("[dev:orders  ] ready", "orders", "ready"),
    "turbo": ("orders:dev: ready", "orders", "ready"),
    "pnpm": ("orders dev: ready", "orders", "ready"),
    "pnpm-folder": ("services/orders start:dev: ready", "orders", "ready"),
    "yarn": ("[@acme/orders]: ready", "orders", "ready"),
    "lerna": ("@acme/orders: ready", "orders", "ready"),
    "pm2": ("0|orders  | ready", "orders", "ready"),
    "coloured": ("\x1b[36morders   |\x1b[0m ready", "orders", "ready"),
    "keeps-indent": ("[orders]     at f (/a.js:1:2)", "orders", "    at f (/a.js:1:2)"),
    "empty": ("orders   | ", "orders", ""),
}


@dataclass(frozen=True)
class Recording:
    """Lines of a tool, each with the service that printed it (None: the tool itself) and its text."""

    head: Mapping[str, Any]
    rows: tuple[tuple[str, str | None, str], ...]

    @staticmethod
    def read(file: Path) -> Recording:
        head, *rows = (json.loads(line) for line in file.read_text(encoding="utf-8").splitlines())
        whole = ((row[0], row[1], row[2]) if len(row) == 3 else (row[0], None, row[0]) for row in rows)
        return Recording(head, tuple(whole))


@pytest.mark.parametrize("file", RECORDINGS, ids=lambda file: file.stem)
def test_what_a_real_tool_prints_is_told_apart_by_the_prefixes_of_its_project(file: Path) -> None:
    recording = Recording.read(file)
    told = Demultiplexer((), recording.head["prefixes"])
    found = [(line, *told.feed(line)) for line, _, _ in recording.rows]
    unnamed = Counter(
        wanted for (_, wanted, _), (_, name, _) in zip(recording.rows, found, strict=True) if not name
    )
    if recording.head["prefixes"]:
        assert found == list(recording.rows)
    assert all(count <= UNNAMED_MAX for name, count in unnamed.items() if name)


@pytest.mark.parametrize("file", RECORDINGS, ids=lambda file: file.stem)
def test_names_are_learned_from_the_output_alone_and_a_tool_is_no_service(file: Path) -> None:
    recording = Recording.read(file)
    told, unnamed = Demultiplexer(), Counter[str]()
    for line, service, text in recording.rows:
        found = told.feed(line)
        if service is None:
            assert found == (None, line)
        elif not recording.head["learns"]:
            continue
        elif found[0] is None:
            unnamed[service] += 1
        else:
            assert found == (service, text)
    assert all(count <= UNNAMED_MAX for count in unnamed.values())


@pytest.mark.parametrize(
    ("line", "service", "text"), [pytest.param(*case, id=name) for name, case in FORMS.items()]
)
def test_a_prefix_counts_when_it_comes_again(line: str, service: str, text: str) -> None:
    demultiplexer = Demultiplexer()
    assert demultiplexer.feed(line) == (None, line)
    assert demultiplexer.feed(line) == (service, text)


@pytest.mark.parametrize(
    ("line", "expected", "prefixes", "found"),
    [
        pytest.param("orders | up", ["orders"], {}, ("orders", "up"), id="expected"),
        pytest.param("[@acme/orders]: up", ["orders"], {}, ("orders", "up"), id="expected without its scope"),
        pytest.param("@acme/orders:dev: up", ["@acme/orders"], {}, ("@acme/orders", "up"), id="as it is"),
        pytest.param("orders-2  | up", ["orders"], {}, ("orders", "up"), id="an instance"),
        pytest.param("worker-2  | up", ["worker-2", "worker"], {}, ("worker-2", "up"), id="no instance"),
        pytest.param("[0] up", [], {"0": "gateway"}, ("gateway", "up"), id="index"),
        pytest.param("[1] up", [], {"0": "gateway"}, (None, "[1] up"), id="index of nobody"),
        pytest.param("[Order Service] up", [], {"Order Service": "orders"}, ("orders", "up"), id="words"),
        pytest.param("[npm ..ders] up", [], {"npm ..ders": "orders"}, ("orders", "up"), id="cut command"),
        pytest.param("orders: up", [], {"orders": "orders"}, ("orders", "up"), id="colon, listed"),
        pytest.param(
            "orders: up", ["orders"], {}, (None, "orders: up"), id="colon, only expected: may be prose"
        ),
        pytest.param(
            "10:00:01 orders up",
            ["orders"],
            {},
            (None, "10:00:01 orders up"),
            id="time, only expected: a log line",
        ),
        pytest.param(
            "[GET /orders] 200", ["orders"], {}, (None, "[GET /orders] 200"), id="a request is no name"
        ),
        pytest.param("[/v1/orders] 200", ["orders"], {}, (None, "[/v1/orders] 200"), id="a path is no name"),
        pytest.param(
            "orders#build:  ERROR", [], {"orders": "orders"}, ("orders", " ERROR"), id="turbo's error"
        ),
    ],
)
def test_a_known_name_counts_at_once(
    line: str, expected: list[str], prefixes: dict[str, str], found: tuple[str | None, str]
) -> None:
    assert Demultiplexer(expected, prefixes).feed(line) == found


def test_a_second_name_in_the_same_column_counts_at_once() -> None:
    demultiplexer = Demultiplexer()
    demultiplexer.feed("orders    | up")
    assert demultiplexer.feed("payments  | up") == ("payments", "up")
    assert demultiplexer.feed("total | 12") == (None, "total | 12")


def test_brackets_inside_listed_prefixes_are_the_services_own() -> None:
    demultiplexer = Demultiplexer((), {"0": "gateway"})
    lines = ["[0] [db] connected", "[db] connected"] * 3
    assert {demultiplexer.feed(line)[0] for line in lines} == {"gateway", None}


def test_a_form_that_few_lines_have_is_no_tools() -> None:
    demultiplexer = Demultiplexer()
    lines = ["starting", "connected", "[db] pool of 5", "listening", "[db] pool of 6", "ok", "[db] pool of 7"]
    assert {demultiplexer.feed(line)[0] for line in lines} == {None}


@pytest.mark.parametrize(
    "line",
    [
        "[ERROR] bad",
        "[INFO] x",
        "[Nest] 12 LOG [NestFactory] Starting",
        "[nodemon] starting `node index.js`",
        "[dotenv@17.2.1] injecting env (3) from .env",
        "[HMR] connected",
        "[DONE] Killing all processes with signal  SIGINT",
        "12:00:01 system | orders.1 started (pid=7)",
        "PM2        | App [orders:1] online",
        "plain text",
        "12 | 13",
        '{"a": 1}',
        "",
        "[2025-06-15] x",
        "--> Sending SIGTERM to other processes..",
    ],
)
def test_levels_tools_numbers_and_prose_are_no_names(line: str) -> None:
    demultiplexer = Demultiplexer()
    assert [demultiplexer.feed(line) for _ in range(3)] == [(None, line)] * 3


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("orders", "orders"),
        ("dev:api", "api"),
        ("api:dev", "api"),
        ("start:dev:api", "api"),
        ("@acme/orders#dev", "orders"),
        ("@acme/orders", "orders"),
        ("dev", "dev"),
        ("@acme/", "@acme/"),
        ("Order Service", "Order Service"),
        ("", ""),
    ],
)
def test_a_label_means_a_service(label: str, name: str) -> None:
    assert service_name(label) == name


def test_names_of_hostile_output_are_bounded() -> None:
    demultiplexer = Demultiplexer()
    names = {demultiplexer.feed(f"service{number} dev$ node x.js")[0] for number in range(3000)}
    assert len(names) <= 1001


LINE = st.text(max_size=40) | st.from_regex(r"\A[\[\x1b]?[a-z@0-9/:.#-]{0,9}[\]|:$ ]{0,3}.{0,9}\Z")


@given(
    st.lists(LINE, max_size=12),
    st.lists(st.sampled_from(["orders", "a", "0", ""]), max_size=2),
    st.dictionaries(st.sampled_from(["orders", "a", "0", "", "a b"]), st.just("x"), max_size=2),
)
def test_any_text_passes_and_none_is_lost(
    lines: list[str], expected: list[str], prefixes: dict[str, str]
) -> None:
    demultiplexer = Demultiplexer(expected, prefixes)
    for line in lines:
        service, text = demultiplexer.feed(line)
        assert text == line if service is None else without_ansi(line).endswith(text)
