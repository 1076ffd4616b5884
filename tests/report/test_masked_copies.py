"""A copy that was masked by the names of variables is proven by what it shows, and by nothing less."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from tests.sources.code.trees import index_of
from tools.findings.model import AgentId, ConfigCategory, Severity
from tools.findings.recorder import Recorder
from tools.findings.rule import Rule, Symptom
from tools.report.masked_copies import stands_in
from tools.report.verify import verify
from tools.workspace import Workspace

RULE = Rule("config.x", AgentId.CONFIG_AUDITOR, ConfigCategory.MISSING_ENV_VAR, "x", severity=Severity.HIGH)
VALUE = "Zk7qR2mX9pLw4T"
NAMES = re.compile("(?i)api_secret|db_password|secret_key")
FILES = {
    "package.json": '{"name": "desk"}\n',
    "a.js": f"const a = 1;\nconst b = process.env.API_SECRET ?? '{VALUE}';\n",
    "b.py": (
        "from pydantic_settings import BaseSettings\nclass S(BaseSettings):\n"
        f'    db_password: str = "{VALUE}"  # of the desk\n'
    ),
    "Dockerfile": f"FROM node:20\nENV SECRET_KEY {VALUE}\nENV DB_PASSWORD={VALUE}\n",
}


@pytest.mark.parametrize(
    ("copy", "raw", "expected"),
    [
        pytest.param('a??"[masked:api_secret]";', 'a??"x-y";', True, id="a literal"),
        pytest.param('a??"[masked:api_secret]";', 'a??"x\\"y";', True, id="with a quote in it"),
        pytest.param('f("[masked:k]",b,"[masked:k]")', 'f("1",b,"2")', True, id="two"),
        pytest.param(
            "ENVSECRET_KEY[masked:secret_key]", "ENVSECRET_KEYabc", True, id="to the end of the line"
        ),
        pytest.param('a??"[masked:api_secr', 'a??"abc"', True, id="a mark that was cut"),
        pytest.param('a??"[masked:api_secret]";b()…', 'a??"x";b();c()', True, id="a copy that was cut"),
        pytest.param('a??"[masked:api_secret]";', 'a??"";', False, id="no value any more"),
        pytest.param('a??"[masked:api_secret]";', 'a||"x-y";', False, id="another operator"),
        pytest.param('a??"[masked:api_secret]";', 'a??"x"+b+"y";', False, id="more than one literal"),
        pytest.param('f("[masked:k]",b,"[masked:k]")', 'f("1",c,"2")', False, id="another neighbour"),
        pytest.param('f("[masked:k]",b)', 'b),f("1"', False, id="another order"),
        pytest.param("[masked:api_secret]", "anything", False, id="nothing to compare"),
        pytest.param('"[masked:api_secret]";', '"anything";', False, id="nothing but marks and signs"),
        pytest.param("a=b", "a=b", False, id="no mark"),
        pytest.param("a=\ud800[masked:x]", "a=?y", True, id="no text that can be encoded"),
    ],
)
def test_a_copy_stands_where_all_that_it_shows_does(copy: str, raw: str, expected: bool) -> None:
    assert stands_in(raw, copy) is expected


def test_a_finding_about_a_secret_variable_is_proven_until_its_line_changes(tmp_path: Path) -> None:
    project, workspace = tmp_path / "desk", Workspace(tmp_path / "ws")
    index = index_of(project, FILES)
    quotes = [use.quote() for use in index.uses if "[masked:" in use.text]
    quotes += [fact.quote() for fact in index.facts if "[masked:" in fact.text]
    assert {quote.source for quote in quotes} == {"a.js", "b.py", "Dockerfile"}
    workspace.create()
    (workspace.agent_dir(RULE.agent) / "attempt").write_text("1", encoding="ascii")
    desk = Recorder(workspace, AgentId.CONFIG_AUDITOR, 1, lambda _rule, why: pytest.fail(why))
    for number, quote in enumerate(quotes):
        symptom = Symptom(RULE, "x", (str(number),), (quote,), "do", service="desk", files=(quote.source,))
        desk.record(replace(symptom, expected="a", actual="b"), 1)
    desk.flush()
    found = verify(workspace, project)
    assert (found.checked, found.proven, found.failures) == (len(quotes), len(quotes), ())
    for name in ("a.js", "b.py", "Dockerfile"):
        text = (project / name).read_text(encoding="utf-8")
        assert VALUE in text
        (project / name).write_text(NAMES.sub("OTHER", text), encoding="utf-8")
    found = verify(workspace, project)
    assert (found.proven, found.failures) == (0, ())
    assert {(gone.source, gone.reason) for gone in found.gone} == {
        (quote.source, "the file has changed since") for quote in quotes
    }
