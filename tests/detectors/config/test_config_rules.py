"""Configuration, documents, code and server compared: when each rule speaks, and when it must not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.detectors.config.cases import Case, check, found
from tools.detectors.config import (
    doc_drift,
    env_mismatch,
    group_name_mismatch,
    missing_env_var,
    rogue_stream,
)
from tools.detectors.thresholds import Expectation

READ = 'import os\nX = os.environ["A_KEY"]\n'
MISSING = {
    "read and declared nowhere": Case({"app.py": READ, ".env": "B=1"}, [("HIGH", "A_KEY")]),
    "get without a default": Case(
        {"app.py": 'import os\nX = os.environ.get("A_KEY")', ".env": "B=1"}, [("MEDIUM", "A_KEY")]
    ),
    "set": Case({"app.py": READ, ".env": "A_KEY=1"}),
    "declared in the example": Case({"app.py": READ, ".env.example": "A_KEY=", ".env": "B=1"}),
    "documented in a comment": Case({"app.py": READ, ".env.example": "# A_KEY=1\nB=1"}),
    "documented in the README": Case({"app.py": READ, ".env": "B=1", "README.md": "| variable |\n|---|\n| A_KEY |\n"}),
    "set by compose": Case({"app.py": READ, "compose.yml": "services:\n  a:\n    environment:\n      A_KEY: x\n"}),
    "named by a manifest": Case({"app.py": READ, ".env": "B=1", "deploy.sh": "export A_KEY=1"}),
    "only tested": Case({"app.py": 'import os\nif os.getenv("A_KEY"): pass', ".env": "B=1"}),
    "a name that the bundler gives": Case({"app.ts": "const u = import.meta.env.BASE_URL;\n", ".env": "B=1"}),
    "the last of several, with a default": Case(
        {"a.ts": "const u = process.env.A_KEY || process.env.B_KEY || 'x';\n", "app.py": 'import os\nX = os.getenv("C_KEY") or os.getenv("D_KEY") or "x"',
         ".env": "B=1"}
    ),
    "the code goes on without it": Case(
        {"app.py": 'import os\ndef f(url):\n    over = os.environ.get("A_KEY")\n    if not over or not url:\n        return url\n    return over',
         "a.ts": "function f() {\n  const raw = process.env.B_KEY;\n  if (raw === undefined) { return 7; }\n  return Number(raw);\n}\n", ".env": "B=1"}
    ),
    "the code does more with it": Case(
        {"app.py": 'import os\nover = os.environ.get("A_KEY")\nif over:\n    use(over)\n', ".env": "B=1"}
    ),
    "the code ends without it": Case(
        {"app.py": 'import os\nx = os.environ.get("A_KEY")\nif not x:\n    raise SystemExit(1)\n', ".env": "B=1"}, [("MEDIUM", "A_KEY")]
    ),
    "the code answers with an error": Case(
        {"a.ts": "const s = process.env.A_KEY;\nif (!s) { res.status(500).end(); }\n", ".env": "B=1"}, [("MEDIUM", "A_KEY")]
    ),
    "read in a package that a service depends on": Case(
        {"packages/auth/index.ts": "export const k = process.env.A_KEY;\n", "packages/auth/package.json": '{"name": "@x/auth"}',
         "apps/api/package.json": '{"name": "api", "dependencies": {"@x/auth": "workspace:*"}}', "apps/api/index.ts": "import '@x/auth';\n",
         "apps/api/.env.example": "A_KEY=\n"}
    ),
    "read in a package that is started": Case(
        {"packages/auth/index.ts": "export const k = process.env.A_KEY;\n",
         "packages/auth/package.json": '{"name": "@x/auth", "scripts": {"start": "node ."}}',
         "apps/api/package.json": '{"name": "api", "dependencies": {"@x/auth": "workspace:*"}}', "apps/api/index.ts": "import '@x/auth';\n",
         "apps/api/.env.example": "A_KEY=\n"}, [("MEDIUM", "A_KEY")]
    ),
    "a name for a bundler": Case({"a.ts": "const u = process.env.NEXT_PUBLIC_A;\n", ".env": "B=1"}),
    "a name for a bundler, where others of its kind are declared": Case(
        {"a.ts": "const u = process.env.NEXT_PUBLIC_A;\n", ".env.example": "NEXT_PUBLIC_B=1"}, [("MEDIUM", "NEXT_PUBLIC_A")]
    ),
    "named in prose about the env file": Case(
        {"app.py": READ, ".env": "B=1", "README.md": "Put A_KEY and B_KEY into `.env`.\n"}
    ),
    "named in prose about something else": Case(
        {"app.py": READ, ".env": "B=1", "README.md": "An A_KEY is a key.\n"}, [("HIGH", "A_KEY")]
    ),
    "a name guessed from a table of others": Case(
        {"app.py": 'import os\nM = {"a-key": "A_KEY"}\nfor name in M:\n    os.getenv(name)\n', ".env": "B=1"}
    ),
    "injected by the platform": Case({"app.py": 'import os\nX = os.environ["HOME"]', ".env": "B=1"}),
    "a project that says nothing of its environment": Case({"app.py": READ}),
    "set for another service only": Case(
        {"services/a/app.py": READ, "services/b/.env": "A_KEY=1", ".env": "B=1"}, [("HIGH", "A_KEY")]
    ),
    "with a default, and no example file": Case({"app.py": 'import os\nX = os.getenv("A_KEY", "d")', ".env": "B=1"}),
    "with a default that the example leaves out": Case(
        {"app.py": 'import os\nX = os.getenv("A_KEY", "d")\nY = os.getenv("C_KEY", "d")', ".env.example": "B=1"},
        [("LOW", "with a default")],
    ),
    "silenced": Case(
        {"app.py": 'import os\nX = os.environ["A_KEY"]  # streamgauge-ignore config.missing-env-var from the vault', ".env": "B=1"}
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", MISSING.values(), ids=MISSING.keys())
def test_a_missing_variable(case: Case, tmp_path: Path) -> None:
    check(missing_env_var, case, tmp_path)


MISMATCH = {
    "in the example, not in the env file beside it": Case(
        {"app.py": READ, ".env.example": "A_KEY=", ".env": "B=1"}, [("MEDIUM", "A_KEY")]
    ),
    "no env file beside it": Case({"app.py": READ, ".env.example": "A_KEY="}),
    "set": Case({"app.py": READ, ".env.example": "A_KEY=", ".env": "A_KEY=1"}),
    "set by compose": Case(
        {"app.py": READ, ".env.example": "A_KEY=", ".env": "B=1",
         "compose.yml": "services:\n  a:\n    environment:\n      A_KEY: x\n"}
    ),
    "with a default": Case(
        {"app.py": 'import os\nX = os.getenv("A_KEY", "d")', ".env.example": "A_KEY=", ".env": "B=1"}
    ),
    "in nobody's code": Case({"app.py": "x = 1", ".env.example": "A_KEY=", ".env": "B=1"}),
}  # fmt: skip


@pytest.mark.parametrize("case", MISMATCH.values(), ids=MISMATCH.keys())
def test_an_example_that_the_env_file_does_not_follow(case: Case, tmp_path: Path) -> None:
    check(env_mismatch, case, tmp_path)


READS = 'r.xreadgroup("new", "c", {"orders": ">"})\n'
CREATES = 'r.xgroup_create("orders", "old")\n'
BOTH = 'r.xreadgroup("g1", "c", {"orders": ">"})\nr.xgroup_create("orders", "g1")\n'
OPEN_READ = "def f(s, g):\n    r.xreadgroup(g, 'c', {s: '>'})\n"
DOCS = "| stream | group |\n| --- | --- |\n| `orders` | `paper` |\n"
PAIRS = """
def route(is_mail):
    stream = "mail" if is_mail else "jobs"
    group = "mailers" if is_mail else "workers"
    r.xgroup_create(stream, group)
r.xreadgroup("mailers", "c", {"mail": ">"})
r.xreadgroup("workers", "c", {"jobs": ">"})
"""
TS_READS = "await redis.xreadgroup('GROUP', 'desk', 'c1', 'STREAMS', 'orders', '>');\n"
TS_CREATES = "await redis.xgroup('CREATE', 'orders', 'desk', '$', 'MKSTREAM');\n"
GROUPS = {
    "pairs that one call mixes": Case({"app.py": PAIRS}),
    "pairs that one call mixes, on a server": Case(
        {"app.py": PAIRS}, now={"mail": {"mailers": 0}, "jobs": {"workers": 0}}
    ),
    "two groups of one call on one stream": Case(
        {"app.py": 'for g in ("a", "b"):\n    r.xgroup_create("orders", g)\nr.xreadgroup("a", "c", {"orders": ">"})\n'},
        [("HIGH", "b")],
    ),
    "TypeScript, all is well": Case({"a.ts": TS_READS + TS_CREATES}, now={"orders": {"desk": 1}}),
    "TypeScript, not on the server": Case({"a.ts": TS_READS}, [("CRITICAL", "desk")], now={"orders": {"Desk": 0}}),
    "two languages make one pair": Case(
        {"a.ts": TS_READS, "b.py": 'r.xgroup_create("orders", "desk")\n'}, now={"orders": {"desk": 1}}
    ),
    "another database has it": Case({"a.ts": TS_READS}, now={"orders": {}, "orders@db3": {"desk": 1}}),
    "expected to be idle": Case(
        {"a.ts": TS_READS}, now={"orders": {}}, expect=(Expectation(stream="orders", group="desk", idle_ok=True),)
    ),
    "read but not on the server": Case({"app.py": READS}, [("CRITICAL", "new")], now={"orders": {"old": 1}}),
    "read and created under two names": Case(
        {"app.py": READS + CREATES}, [("CRITICAL", "new"), ("CRITICAL", "old")], now={"orders": {"old": 0}}
    ),
    "all is well": Case({"app.py": BOTH}, now={"orders": {"g1": 1}}),
    "the stream is not there yet": Case({"app.py": READS}, now={"other": {}}),
    "created by its reader a little later": Case({"app.py": BOTH}, now={"orders": {}}, moment="start"),
    "created in code and still not there": Case({"app.py": BOTH}, [("CRITICAL", "g1")], now={"orders": {}}),
    "created, and read by a program outside": Case({"app.py": CREATES}, now={"orders": {"old": 2}}),
    "created, and nothing reads it": Case({"app.py": CREATES}, [("CRITICAL", "old")], now={"orders": {"old": 0}}),
    "created, and an unresolved read may be it": Case({"app.py": CREATES + OPEN_READ}, now={"orders": {"old": 0}}),
    "a group of somebody else": Case({"app.py": BOTH}, now={"orders": {"g1": 1, "theirs": 0}}),
    "a pattern is not judged": Case(
        {"app.py": "def f(x):\n    r.xreadgroup(f'g{x}', 'c', {'orders': '>'})"}, now={"orders": {}}
    ),
    "without a server, two names": Case({"app.py": READS + CREATES}, [("HIGH", "new"), ("HIGH", "old")]),
    "without a server, created elsewhere": Case({"app.py": READS}),
    "without a server, all is well": Case({"app.py": BOTH}),
    "only documented": Case(
        {"app.py": BOTH, "README.md": DOCS}, [("MEDIUM", "documented")], now={"orders": {"g1": 1}}
    ),
    "documented, and on the server": Case({"app.py": BOTH, "README.md": DOCS}, now={"orders": {"g1": 1, "paper": 1}}),
    "silenced": Case(
        {"app.py": 'r.xreadgroup("new", "c", {"orders": ">"})  # streamgauge-ignore config.group-name-mismatch made by ops'},
        now={"orders": {}},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", GROUPS.values(), ids=GROUPS.keys())
def test_group_names(case: Case, tmp_path: Path) -> None:
    check(group_name_mismatch, case, tmp_path)


def test_the_three_group_faults_are_told_apart(tmp_path: Path) -> None:
    case = Case({"app.py": READS + CREATES, "README.md": DOCS}, now={"orders": {"old": 0}})
    titles = [symptom.title for symptom in found(group_name_mismatch, case, tmp_path)]
    assert ["never created" in titles[0], "never read" in titles[1], "only documented" in titles[2]] == [
        True
    ] * 3


@pytest.mark.parametrize(
    ("there", "again"), [({"old": 0}, False), ({"other": 0}, True)], ids=["the server has it", "it has not"]
)
def test_a_second_group_is_advised_only_where_the_first_holds_nothing(
    there: dict[str, int], again: bool, tmp_path: Path
) -> None:
    symptoms = found(group_name_mismatch, Case({"app.py": READS + CREATES}, now={"orders": there}), tmp_path)
    (read,) = [symptom for symptom in symptoms if "read but never created" in symptom.title]
    assert ("XGROUP CREATE" in read.recommendation) == again


def test_a_group_of_the_server_with_a_like_name_is_proposed_and_documents_are_quoted(tmp_path: Path) -> None:
    files = {"a.ts": TS_READS, "README.md": "| stream | group |\n| --- | --- |\n| `orders` | `desks` |\n"}
    symptom = found(group_name_mismatch, Case(files, now={"orders": {"desks": 0}}), tmp_path)[0]
    assert "the server has 'desks', which no code names" in symptom.recommendation
    assert symptom.evidence[-1].text == "| `orders` | `desks` |"


TWO_NAMES = {
    "groups.py": 'DESK = "desks-v1"\n',
    "config.py": 'import os\nDESK = os.environ.get("DESK", "desks-v2")\n',
    "app.py": "import groups\nimport config\n"
    'r.xgroup_create("orders", groups.DESK)\n'
    'r.xreadgroup(config.DESK, "c", {"orders": ">"})\n',
}


def test_of_two_names_it_is_said_where_each_is_set(tmp_path: Path) -> None:
    case = Case(TWO_NAMES, now={"orders": {"desks-v1": 0}})
    told = {
        symptom.entity[-1]: symptom.recommendation for symptom in found(group_name_mismatch, case, tmp_path)
    }
    assert told["desks-v1"].startswith(
        "Use one name: app.py:3 creates 'desks-v1' (set at groups.py:1), app.py:4 reads 'desks-v2' (set at config.py:2), "
        "which nothing creates. What waits"
    )
    assert told["desks-v2"].startswith(
        "Use one name: app.py:4 reads 'desks-v2' (set at config.py:2), app.py:3 creates 'desks-v1' (set at groups.py:1). What waits"
    )


def test_of_two_names_that_of_documents_is_said(tmp_path: Path) -> None:
    table = "| stream | producer | consumer group |\n| --- | --- | --- |\n| `orders` | web | `desks-v2` |\n"
    case = Case({**TWO_NAMES, "README.md": table}, now={"orders": {"desks-v1": 0}})
    told = [symptom.recommendation for symptom in found(group_name_mismatch, case, tmp_path)]
    assert all("README.md:3 names 'desks-v2'. What waits" in text for text in told)


def test_a_group_mismatch_quotes_the_code_and_the_servers_reply(tmp_path: Path) -> None:
    symptom = found(group_name_mismatch, Case({"app.py": READS}, now={"orders": {"old": 1}}), tmp_path)[0]
    assert [quote.kind.value for quote in symptom.evidence] == ["file", "redis"]
    assert '"name":"old"' in symptom.evidence[1].text


ADDS = 'r.xadd("other", {})'
PATTERN = 'def f(x):\n    r.xadd(f"orders:{x}", {})\n'
ROGUE = {
    "nobody names it": Case({"app.py": ADDS}, [("MEDIUM", "odd")], now={"odd": {}}, baseline={}),
    "nothing names any stream": Case({"app.py": "x = 1"}, [("LOW", "odd")], now={"odd": {}}, baseline={}),
    "a new family": Case(
        {"app.py": ADDS}, [("MEDIUM", "rpc:{}")], now={"rpc:17": {}, "rpc:18": {}}, baseline={}
    ),
    "a family that comes and goes": Case({"app.py": ADDS}, now={"rpc:18": {}}, baseline={"rpc:17": {}}),
    "it was there": Case({"app.py": "x = 1"}, now={"odd": {}}, baseline={"odd": {}}),
    "the code names it": Case({"app.py": 'r.xadd("odd", {})'}, now={"odd": {}}, baseline={}),
    "a document names it": Case(
        {"a.md": "| stream |\n|---|\n| `odd.one` |\n"}, now={"odd.one": {}}, baseline={}
    ),
    "a document names its family": Case(
        {"a.md": "| stream |\n|---|\n| `odd:{id}` |\n"}, now={"odd:x": {}}, baseline={}
    ),
    "it is expected": Case({}, now={"odd": {}}, baseline={}, expect=(Expectation(stream="o*"),)),
    "an id in a family of the code": Case({"app.py": PATTERN}, now={"orders:17": {}}, baseline={}),
    "a word in a family of the code": Case(
        {"app.py": PATTERN}, [("MEDIUM", "orders:pilot")], now={"orders:pilot": {}}, baseline={}
    ),
    "a word in a family that was there": Case(
        {"app.py": PATTERN}, now={"orders:a": {}, "orders:b": {}}, baseline={"orders:a": {}}
    ),
    "a new group": Case({"app.py": ADDS}, [("MEDIUM", "spy")], now={"s": {"spy": 1}}, baseline={"s": {}}),
    "a new group where nothing is named": Case(
        {}, [("LOW", "spy")], now={"s": {"spy": 1}}, baseline={"s": {}}
    ),
    "a new group of the code": Case({"app.py": BOTH}, now={"orders": {"g1": 1}}, baseline={"orders": {}}),
    "a new group that an unresolved read may be": Case(
        {"app.py": OPEN_READ}, now={"s": {"spy": 1}}, baseline={"s": {}}
    ),
    "no baseline": Case({}, now={"odd": {}}),
}


@pytest.mark.parametrize("case", ROGUE.values(), ids=ROGUE.keys())
def test_what_appeared_since_the_baseline(case: Case, tmp_path: Path) -> None:
    check(rogue_stream, case, tmp_path)


TABLE = "| stream |\n|---|\n| `orders.new` |\n| `bills.gone` |\n"
ADDS = 'r.xadd("orders.new", {})\n'
DRIFT = {
    "nowhere else": Case({"a.md": TABLE, "app.py": ADDS}, [("MEDIUM", "bills.gone")], now={"orders.new": {}}),
    "without a server": Case({"a.md": TABLE, "app.py": ADDS}, [("LOW", "bills.gone")]),
    "on the server": Case({"a.md": TABLE, "app.py": ADDS}, now={"orders.new": {}, "bills.gone": {}}),
    "in the code": Case({"a.md": TABLE, "app.py": ADDS + 'r.xadd("bills.gone", {})'}, now={}),
    "a document of something else": Case({"a.md": TABLE, "app.py": "x = 1"}, now={"else": {}}),
    "an unresolved name may be it": Case(
        {"a.md": TABLE, "app.py": ADDS + "def f(s):\n    r.xadd(s, {})"}, now={"orders.new": {}}
    ),
    "a pattern may be it": Case(
        {"a.md": TABLE, "app.py": ADDS + "def f(s):\n    r.xadd(f'bills.{s}', {})"}, now={"orders.new": {}}
    ),
    "expected": Case(
        {"a.md": TABLE, "app.py": ADDS}, now={"orders.new": {}}, expect=(Expectation(stream="bills.*"),)
    ),
}


@pytest.mark.parametrize("case", DRIFT.values(), ids=DRIFT.keys())
def test_streams_that_only_documents_name(case: Case, tmp_path: Path) -> None:
    check(doc_drift, case, tmp_path)
