from __future__ import annotations

import json
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.config.toml_lines import find


@pytest.mark.parametrize(
    ("text", "path", "line"),
    [
        pytest.param("a = 1\n", ("a",), 1, id="key"),
        pytest.param("\n# a = 1\na = 1", ("a",), 3, id="comment before, no line end after"),
        pytest.param("[s]\n\nk = 1\n", ("s", "k"), 3, id="key of a table"),
        pytest.param("[ s . t ]\nk = 1\n", ("s", "t", "k"), 2, id="spaces in a header"),
        pytest.param('["s.t"]\n"a=b" = 1\n', ("s.t", "a=b"), 2, id="quoted names"),
        pytest.param("[s]\nx.y = 1\n", ("s", "x", "y"), 2, id="dotted key"),
        pytest.param('a = """\n[b]\nc = 1\n"""\nd = 1\n', ("d",), 5, id="header inside a long string"),
        pytest.param('a = """x"""""\nd = 1\n', ("d",), 2, id="quotes right before the end of a long string"),
        pytest.param("a = '''\n'\n'''\nd = 1\n", ("d",), 4, id="long literal string"),
        pytest.param('a = "\\"#["\nd = 1\n', ("d",), 2, id="escaped quote"),
        pytest.param("a = [\n  1, # ]\n  2,\n]\nd = 1\n", ("a", 1), 3, id="element of an array"),
        pytest.param("a = [\n  1, # ]\n  2,\n]\nd = 1\n", ("d",), 5, id="after a long array"),
        pytest.param('a = [\n {k = "]"},\n {k = 2}]\n', ("a", 1, "k"), 3, id="inline table in an array"),
        pytest.param("[[l]]\nn = 1\n[[l]]\nn = 2\n", ("l", 1, "n"), 4, id="array of tables"),
        pytest.param(
            "[[l]]\n[l.s]\nn = 1\n[[l]]\n[l.s]\nn = 2\n", ("l", 1, "s", "n"), 6, id="table inside it"
        ),
        pytest.param("[[l]]\n[[l.m]]\n[[l.m]]\nn = 1\n", ("l", 0, "m", 1, "n"), 4, id="array inside it"),
        pytest.param("[s]\r\nk = 1\r\n", ("s", "k"), 2, id="windows line ends"),
    ],
)
def test_each_key_is_found_on_its_line(text: str, path: tuple[str | int, ...], line: int) -> None:
    tomllib.loads(text)
    assert find(text)[path] == line


_names = st.text(st.sampled_from("ab.[]{}='\"#\\\n ,"), min_size=1, max_size=6)
_scalars = st.one_of(st.integers(), st.booleans(), _names)
_tables = st.dictionaries(_names, _scalars | st.lists(_scalars, max_size=3), max_size=3)


def _toml(value: object) -> str:
    if isinstance(value, list):
        return "[\n" + ",\n".join(map(_toml, value)) + "\n]"
    return json.dumps(value)


@given(st.dictionaries(_names, _tables, max_size=3))
def test_every_key_of_any_valid_file_is_found_on_the_line_that_holds_it(
    tables: dict[str, dict[str, object]],
) -> None:
    lines: list[str] = []
    expected: dict[tuple[str | int, ...], int] = {}
    for name, table in tables.items():
        lines.append(f"[{_toml(name)}]")
        expected[name,] = len(lines)
        for key, value in table.items():
            expected[name, key] = len(lines) + 1
            lines += f"{_toml(key)} = {_toml(value)}".split("\n")
    text = "\n".join(lines)
    tomllib.loads(text)
    assert expected.items() <= find(text).items()
