"""What documents say of streams, of who uses them and of defaults, against code and server."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.detectors.config.cases import Case, check, found
from tools.detectors.config import doc_default, doc_drift

TABLE = "| stream |\n|---|\n| `orders.new` |\n| `bills.gone` |\n"
ADDS = 'r.xadd("orders.new", {})\n'
BOTH = ADDS + 'r.xadd("bills.paid", {})\n'


def quotes(case: Case, root: Path) -> list[tuple[str, str]]:
    (symptom,) = found(doc_drift, case, root)
    return [(quote.source, quote.text.strip()) for quote in symptom.evidence]


def test_the_line_of_the_name_that_was_meant_is_quoted_beside_the_documents(tmp_path: Path) -> None:
    files = {"a.md": TABLE.replace("bills.gone", "bill:paid"), "app.py": BOTH}
    assert quotes(Case(files), tmp_path) == [
        ("a.md", "| `bill:paid` |"),
        ("app.py", 'r.xadd("bills.paid", {})'),
    ]


def test_without_a_like_name_the_line_of_a_stream_that_the_document_has_right_is_quoted(
    tmp_path: Path,
) -> None:
    files = {"a.md": TABLE, "app.py": ADDS}
    assert quotes(Case(files), tmp_path) == [
        ("a.md", "| `bills.gone` |"),
        ("app.py", 'r.xadd("orders.new", {})'),
    ]


def test_the_recommendation_names_what_was_meant(tmp_path: Path) -> None:
    files = {"a.md": TABLE.replace("bills.gone", "bill:paid"), "app.py": BOTH}
    (symptom,) = found(doc_drift, Case(files), tmp_path)
    assert symptom.recommendation.endswith("app.py:2 has 'bills.paid'.")


def test_an_asyncapi_channel_that_is_nowhere_is_found_with_both_lines(tmp_path: Path) -> None:
    document = "asyncapi: 3.0.0\nchannels:\n  a:\n    address: orders.new\n  b:\n    address: bills.gone\n"
    assert quotes(Case({"e.yaml": document, "app.py": ADDS}), tmp_path) == [
        ("e.yaml", "address: bills.gone"),
        ("app.py", 'r.xadd("orders.new", {})'),
    ]


def roles(writer: str, reader: str = "b", code: dict[str, str] | None = None) -> dict[str, str]:
    """Services a and b: a writes the stream, b reads it; a table that says who does."""
    return {
        "README.md": f"| stream | written by | read by |\n|---|---|---|\n| `orders.new` | {writer} | {reader} |\n",
        "services/a/x.py": ADDS,
        "services/b/x.py": 'r.xreadgroup("g", "c", {"orders.new": ">"})\n',
        "services/c/x.py": "x = 1\n",
    } | (code or {})


ROLES = {
    "another writer": Case(roles("c"), [("LOW", "writers")]),
    "another reader": Case(roles("a", "c"), [("LOW", "readers")]),
    "as it is": Case(roles("a")),
    "as it is, in code spans": Case(roles("`a`", "`b`")),
    "one of two": Case(roles("a, c")),
    "anybody": Case(roles("any service", "none, drained by a person")),
    "a program outside": Case(roles("legacy-shop")),
    "a program outside beside one of the services": Case(roles("c, legacy-shop")),
    "shared code": Case(roles("c", code={"shared/x.py": ADDS})),
    "a writer known only at run time": Case(roles("c", code={"services/c/x.py": "def f(r, s):\n    r.xadd(s, {})\n"})),
    "nobody in the code writes it": Case(
        roles("c", code={"services/a/x.py": 'r.xreadgroup("g2", "c", {"orders.new": ">"})\n'}, reader="a")
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", ROLES.values(), ids=ROLES.keys())
def test_who_writes_and_reads_a_stream(case: Case, tmp_path: Path) -> None:
    check(doc_drift, case, tmp_path)


def test_a_role_quotes_the_table_and_the_code(tmp_path: Path) -> None:
    assert quotes(Case(roles("c")), tmp_path) == [
        ("README.md", "| `orders.new` | c | b |"),
        ("services/a/x.py", 'r.xadd("orders.new", {})'),
    ]


def env_table(default: str) -> str:
    return f"| variable | default | what |\n|---|---|---|\n| `A_KEY` | {default} | a figure |\n"


def py(default: str) -> str:
    return f'import os\nX = os.getenv("A_KEY", {default})\n'


DEFAULTS = {
    "another number": Case({"README.md": env_table("`5`"), "a.py": py('"10"')}, [("LOW", "A_KEY")]),
    "another text": Case({"README.md": env_table("`redis`"), "a.py": py('"valkey"')}, [("LOW", "A_KEY")]),
    "another truth": Case({"README.md": env_table("true"), "a.py": py('"false"')}, [("LOW", "A_KEY")]),
    "TypeScript": Case(
        {"README.md": env_table("5"), "a.ts": "const x = Number(process.env.A_KEY ?? 10);\n"}, [("LOW", "A_KEY")]
    ),
    "a list": Case({"README.md": "- `A_KEY` (default `5`)\n", "a.py": py('"10"')}, [("LOW", "A_KEY")]),
    "a list with more to say": Case(
        {"README.md": "- `A_KEY`: (default: `5`, `0` is off)\n", "a.py": py('"10"')}, [("LOW", "A_KEY")]
    ),
    "a list that says the same": Case({"README.md": "- `A_KEY` (default `10`, disabled)\n", "a.py": py('"10"')}),
    "a list of what is put together": Case({"README.md": "- `A_KEY` (default `echo-<pid>`)\n", "a.py": py('f"echo-{os.getpid()}"')}),
    "the same": Case({"README.md": env_table("`10`"), "a.py": py('"10"')}),
    "the same number": Case({"README.md": env_table("10000"), "a.py": py("10_000")}),
    "the same number with a fraction": Case({"README.md": env_table("10"), "a.py": py('"10.0"')}),
    "the same truth": Case({"README.md": env_table("off"), "a.py": py('"false"')}),
    "in quotes": Case({"README.md": env_table('`"x"`'), "a.py": py('"x"')}),
    "no default said": Case({"README.md": env_table("–"), "a.py": py('"10"')}),
    "required, it says": Case({"README.md": env_table("required"), "a.py": py('"10"')}),
    "in prose": Case({"README.md": env_table("ten per service"), "a.py": py('"10"')}),
    "with a unit": Case({"README.md": env_table("5s"), "a.py": py('"5000"')}),
    "worked out": Case({"README.md": env_table("5"), "a.py": py("str(5 * 2)")}),
    "from a constant": Case({"README.md": env_table("5"), "a.py": "TEN = '10'\n" + py("TEN")}),
    "no default in the code": Case({"README.md": env_table("5"), "a.py": 'import os\nX = os.environ["A_KEY"]\n'}),
    "one of two reads has it": Case({"README.md": env_table("5"), "a.py": py('"10"'), "b.py": py('"5"')}),
    "another service's document": Case(
        {"services/b/README.md": env_table("5"), "services/a/a.py": py('"10"'), "services/b/x.py": "x = 1\n"}
    ),
    "a value in the example file is no default": Case({".env.example": "A_KEY=5\n", "a.py": py('"10"')}),
    "a table of something else": Case({"README.md": "| key | default |\n|---|---|\n| b | 5 |\n", "a.py": py('"10"')}),
}  # fmt: skip


@pytest.mark.parametrize("case", DEFAULTS.values(), ids=DEFAULTS.keys())
def test_documented_defaults(case: Case, tmp_path: Path) -> None:
    check(doc_default, case, tmp_path)


def test_a_default_quotes_the_table_and_the_code(tmp_path: Path) -> None:
    files = {"README.md": env_table("`5`"), "a.py": py('"10"')}
    (symptom,) = found(doc_default, Case(files), tmp_path)
    assert [quote.text.strip() for quote in symptom.evidence] == [
        "| `A_KEY` | `5` | a figure |",
        'X = os.getenv("A_KEY", "10")',
    ]


CHANNELS = "| stream |\n|---|\n| `orders.new` |\n\n| Channel |\n|---|\n| `bills.gone` |\n"
NO_STREAMS = {
    "a channel, in a table without a stream": Case({"a.md": CHANNELS, "app.py": ADDS}),
    "a channel of Pub/Sub": Case({"a.md": TABLE, "app.py": ADDS + 'r.publish("bills.gone", "x")\n'}),
    "a name that code of another language holds": Case(
        {"a.md": TABLE, "app.py": ADDS, "B.java": 'String s = "bills.gone";\n'}
    ),
    "channels, one of which is a stream": Case(
        {"a.md": CHANNELS + "| `orders.new` |\n", "app.py": ADDS}, [("LOW", "bills.gone")]
    ),
    "a name that code holds within another": Case(
        {"a.md": TABLE, "app.py": ADDS + 'x = "bills.gone.too"\n'}, [("LOW", "bills.gone")]
    ),
}


@pytest.mark.parametrize("case", NO_STREAMS.values(), ids=NO_STREAMS.keys())
def test_what_may_be_a_channel_is_no_drift(case: Case, tmp_path: Path) -> None:
    check(doc_drift, case, tmp_path)
