"""Commands in Lua, in languages that are not parsed and in scripts may be what a rule misses, and say nothing alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.detectors.config.cases import Case, check
from tests.sources.code.trees import index_of, uses
from tools.detectors.code import hardcoded_stream, xreadgroup_no_ack
from tools.detectors.config import group_name_mismatch
from tools.detectors.contract import CodeView
from tools.detectors.thresholds import Judgement
from tools.sources.records import CodeKind

READS = (
    "import redis\nr = redis.Redis()\ndef run():\n    while True:\n"
    "        for _, entries in r.xreadgroup('workers', 'c', {'jobs': '>'}):\n            handle(entries)\n"
)
ACK = "redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])"
SCRIPTED = {
    "a file of Lua": {"app.py": READS, "ack.lua": f"{ACK}\nreturn redis.call('XDEL', KEYS[1], ARGV[2])\n"},
    "a text in code": {"app.py": f'{READS}ack = r.register_script("{ACK}")\n'},
    "a template": {"app.py": READS, "ack.ts": f"export const ACK = `\n  {ACK}\n`;\n"},
    "pcall, in small letters": {"app.py": READS, "ack.lua": 'redis.pcall("xack", KEYS[1])\n'},
}
NOT_SCRIPTED = {
    "nothing else": {"app.py": READS},
    "Lua that does something else": {"app.py": READS, "del.lua": "redis.call('XDEL', KEYS[1], ARGV[1])\n"},
    "Lua of a test": {"app.py": READS, "tests/ack.lua": f"{ACK}\n"},
    "a document about it": {"app.py": READS, "README.md": f"`{ACK}` acknowledges.\n"},
}
JAVA = 'class Fraud { void run() { read(Consumer.from("fraud", "c"), StreamOffset.create("orders", last())); } }\n'
CREATES = "r.xgroup_create('orders', %r)\n"
READ = "r.xreadgroup(%r, 'c', {'orders': '>'})\n"
HEAD = "import redis\nr = redis.Redis()\n"
DOCUMENT = "| Stream | Consumer group |\n| --- | --- |\n| `orders` | `%s` |\n"
GROUPS = {
    "created and never read": Case(
        {"a.py": HEAD + CREATES % "fraud" + CREATES % "billing" + READ % "billing"}, [("HIGH", "fraud")]
    ),
    "read where nobody looks": Case(
        {"a.py": HEAD + CREATES % "fraud" + CREATES % "billing" + READ % "billing", "b/Fraud.java": JAVA}
    ),
    "read and never created": Case(
        {"a.py": HEAD + CREATES % "billing" + READ % "billing" + READ % "ledger"}, [("HIGH", "ledger")]
    ),
    "created by a script": Case(
        {"a.py": HEAD + CREATES % "billing" + READ % "billing" + READ % "ledger",
         "deploy/groups.sh": 'redis-cli -u "$REDIS_URL" XGROUP CREATE orders ledger 0 MKSTREAM\n'}
    ),
    "created by a script that is given the name": Case(
        {"a.py": HEAD + CREATES % "billing" + READ % "billing" + READ % "ledger",
         "deploy/groups.sh": 'redis-cli XGROUP CREATE "$1" "$2" 0 MKSTREAM\n'}
    ),
    "created by a script for somebody else": Case(
        {"a.py": HEAD + CREATES % "billing" + READ % "billing", "Makefile": "groups:\n\tredis-cli XGROUP CREATE orders audit 0\n"}
    ),
    "only documented": Case(
        {"a.py": HEAD + CREATES % "billing" + READ % "billing", "README.md": DOCUMENT % "audit"}, [("LOW", "documented")]
    ),
}  # fmt: skip


@pytest.mark.parametrize("files", SCRIPTED.values(), ids=SCRIPTED.keys())
def test_lua_that_acknowledges_is_an_xack(files: dict[str, str], tmp_path: Path) -> None:
    view = CodeView(index=index_of(tmp_path, files), judgement=Judgement())
    assert list(xreadgroup_no_ack.detect(view)) == []


@pytest.mark.parametrize("files", NOT_SCRIPTED.values(), ids=NOT_SCRIPTED.keys())
def test_a_read_that_nothing_acknowledges_is_told(files: dict[str, str], tmp_path: Path) -> None:
    view = CodeView(index=index_of(tmp_path, files), judgement=Judgement())
    assert [symptom.entity for symptom in xreadgroup_no_ack.detect(view)] == [("jobs", "workers")]


@pytest.mark.parametrize("case", GROUPS.values(), ids=GROUPS.keys())
def test_a_group_that_scripts_and_other_languages_may_use(case: Case, tmp_path: Path) -> None:
    check(group_name_mismatch, case, tmp_path)


def test_what_is_not_read_is_a_gap(tmp_path: Path) -> None:
    index = index_of(tmp_path, {"a.py": HEAD, "b/Fraud.java": JAVA})
    assert [use.language for use in uses(index, CodeKind.XREADGROUP)] == ["java"]
    assert [gap.what for gap in index.gaps] == ["stream commands in b/Fraud.java"]


def test_the_name_in_a_script_is_nothing_to_put_into_a_constant(tmp_path: Path) -> None:
    files = {
        "a.py": HEAD + "r.xadd('orders', {}, maxlen=9)\n",
        "deploy/groups.sh": "redis-cli XGROUP CREATE 'orders' 'billing' 0\n",
    }
    view = CodeView(index=index_of(tmp_path, files), judgement=Judgement())
    assert [symptom.files for symptom in hardcoded_stream.detect(view)] == [("a.py:3",)]
