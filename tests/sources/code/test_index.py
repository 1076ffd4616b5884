"""Which files are read, whose they are, and that no content breaks the index."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.sources.code.trees import NOW_MS, index_of, streams, uses, write
from tools.errors import SourceUnavailable
from tools.sources.code import gitignore, go_tree, javascript_tree, python_tree
from tools.sources.code.index import build_index, failed_index, read_index, write_index
from tools.sources.code.program_index import Program
from tools.sources.code.source_files import NAMED_FILES_MAX, Holds, SourceFiles
from tools.sources.code.syntax import parse
from tools.sources.code.walk import ProjectFile, is_env_file, walk
from tools.sources.records import CodeKind, Gap

ADD = 'r.xadd("orders", {})\n'


@pytest.mark.parametrize(
    "name",
    [
        "tests/helper.py", "test_app.py", "app_test.py", "conftest.py", "docs/example.py", "vendor/lib.py",
        "node_modules/x/a.js", "web/a.spec.ts", "web/a.test.tsx", "web/a.d.ts", "web/a.min.js", "api_pb2.py",
        ".venv/lib/a.py", "monitor-session/a.py", ".state/a.py", ".archive/a.py", "build/a.py", "web/__mocks__/a.ts",
    ],
)  # fmt: skip
def test_a_file_out_of_scope_yields_nothing(name: str, tmp_path: Path) -> None:
    code = ADD if name.endswith(".py") else "r.xadd('orders', '*', 'a', 1)"
    assert index_of(tmp_path, {name: code}).uses == ()


@pytest.mark.parametrize("name", ["app.py", "testing_ground/app.py", "services/spec_a/app.py", "latest.py"])
def test_a_file_that_only_sounds_like_one_is_read(name: str, tmp_path: Path) -> None:
    assert streams(index_of(tmp_path, {name: ADD}), CodeKind.XADD) == {"orders"}


def test_generated_binary_and_huge_files_are_left_out(tmp_path: Path) -> None:
    write(tmp_path, {"gen.py": "# @generated\n" + ADD})
    (tmp_path / "binary.py").write_bytes(b"\0" + ADD.encode())
    (tmp_path / "huge.py").write_text(ADD + "#" * 1_000_001)
    (tmp_path / "minified.js").write_text("r.xadd('orders','*','a',1);" * 1000)
    assert build_index(tmp_path, (), (), NOW_MS).uses == ()


IGNORED = {
    "a name": ("secret.py", "secret.py", True),
    "a name in a folder": ("secret.py", "a/b/secret.py", True),
    "anchored": ("/secret.py", "a/secret.py", False),
    "a folder": ("out/", "out/a.py", True),
    "a glob": ("*.gen.py", "a/x.gen.py", True),
    "a double star": ("a/**/x.py", "a/b/c/x.py", True),
    "taken back": ("*.py\n!keep.py", "keep.py", False),
    "a comment": ("# app.py", "app.py", False),
    "a class of characters": ("app[0-9].py", "app7.py", True),
}


@pytest.mark.parametrize(("patterns", "path", "ignored"), IGNORED.values(), ids=IGNORED.keys())
def test_gitignore_is_respected(patterns: str, path: str, ignored: bool, tmp_path: Path) -> None:
    made = index_of(tmp_path, {".gitignore": patterns, path: ADD})
    assert (made.uses == ()) is ignored


def test_env_files_are_read_although_they_are_ignored(tmp_path: Path) -> None:
    made = index_of(tmp_path, {".gitignore": ".env\n", ".env": "A_KEY=1\n"})
    assert [fact.name for fact in made.facts] == ["A_KEY"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [(".env", True), (".env.local", True), ("env.example", True), ("app.env", True), ("env.py", False),
     ("environment.ts", False), ("env.ts", False)],
)  # fmt: skip
def test_env_files_are_told_by_their_name(name: str, expected: bool) -> None:
    assert is_env_file(name) is expected


def test_links_out_of_the_root_and_circles_are_not_followed(tmp_path: Path) -> None:
    outside = write(tmp_path / "outside", {"a.py": ADD})
    root = write(tmp_path / "root", {"app.py": ADD})
    (root / "away").symlink_to(outside)
    (root / "file.py").symlink_to(outside / "a.py")
    (root / "circle").symlink_to(root)
    (root / "itself").symlink_to("itself")
    assert [file.path for file in walk(root)] == ["app.py"]


def test_include_and_exclude_narrow_the_walk(tmp_path: Path) -> None:
    write(tmp_path, {"a/x.py": ADD, "b/x.py": ADD, "b/gen/x.py": ADD})
    assert [file.path for file in walk(tmp_path, ["b/**"], ["**/gen/**"])] == ["b/x.py"]


SERVICES = {
    "services folder": ({"services/orders/app.py": ADD}, "services/orders/app.py", "orders"),
    "apps folder": ({"apps/web/src/app.py": ADD}, "apps/web/src/app.py", "web"),
    "shared code beside services": ({"services/a/x.py": "", "shared/app.py": ADD}, "shared/app.py", None),
    "a compose build context": (
        {"docker-compose.yml": "services:\n  worker:\n    build: ./jobs\n", "jobs/app.py": ADD},
        "jobs/app.py",
        "worker",
    ),
    "folders that are built alone": (
        {"back/store/requirements.txt": "", "back/stock/requirements.txt": "", "back/store/jobs/app.py": ADD},
        "back/store/jobs/app.py",
        "store",
    ),
    "one folder that is built alone is the project": (
        {"pyproject.toml": '[project]\nname = "shop"\n', "src/main.py": "", "src/app.py": ADD},
        "src/app.py",
        "shop",
    ),
    "a folder of services inside of one": (
        {"a/Dockerfile": "", "b/Dockerfile": "", "a/src/services/mail/app.py": ADD},
        "a/src/services/mail/app.py",
        "a",
    ),
    "services that compose files call the same": (
        {
            "one/docker-compose.yml": "services:\n  app:\n    build: .\n",
            "two/docker-compose.yml": "services:\n  app:\n    build: .\n",
            "one/app.py": ADD,
        },
        "one/app.py",
        "one",
    ),
    "a package without a file of its own": (
        {"packages/event/app.py": ADD, "apps/a/x.py": ""},
        "packages/event/app.py",
        None,
    ),
    "a project of one": ({"pyproject.toml": '[project]\nname = "shop"\n', "app.py": ADD}, "app.py", "shop"),
    "a shared package": ({"packages/shared/app.py": ADD, "apps/a/x.py": ""}, "packages/shared/app.py", None),
}


@pytest.mark.parametrize(("files", "path", "service"), SERVICES.values(), ids=SERVICES.keys())
def test_a_file_belongs_to_its_service(
    files: dict[str, str], path: str, service: str | None, tmp_path: Path
) -> None:
    made = index_of(tmp_path, files)
    assert {use.service for use in made.uses if use.path == path} == {service}


BUS = """
    const S = 'orders';
    export async function add(order) { await r.xadd(S, '*', 'order', order.id); }
    export class Reader { async next(g) { return r.xreadgroup('GROUP', g, 'c', 'BLOCK', 9, 'STREAMS', S, '>'); } }
"""
SHARED = {
    "packages/bus/package.json": '{"name": "@shop/bus", "exports": {".": "./src/bus.ts"}}',
    "packages/bus/src/bus.ts": BUS,
    "apps/web/app.ts": "import { add } from '@shop/bus';\nadd({ id: 1 });",
    "apps/admin/app.ts": "import { add } from '@shop/bus';\nasync function place(o) { await add(o); }\nplace({});",
    "apps/worker/app.ts": "import { Reader } from '@shop/bus';\nawait new Reader().next('g1');",
}


def test_a_call_in_shared_code_belongs_to_the_services_that_get_there(tmp_path: Path) -> None:
    made = index_of(tmp_path, SHARED)
    found = {(use.kind, use.service, use.path, use.line) for use in made.uses if use.stream is not None}
    assert found == {
        (CodeKind.XADD, "web", "apps/web/app.ts", 2),
        (CodeKind.XADD, "admin", "apps/admin/app.ts", 2),
        (CodeKind.XREADGROUP, "worker", "apps/worker/app.ts", 2),
    }
    (add, *_) = uses(made, CodeKind.XADD)
    assert add.call.strip() == BUS.strip().splitlines()[1].strip()
    assert add.stream is not None
    assert (add.stream.chain[0].path, add.stream.chain[0].line) == ("packages/bus/src/bus.ts", 2)


def test_shared_code_that_nobody_calls_stays_where_it_is(tmp_path: Path) -> None:
    files = {name: text for name, text in SHARED.items() if not name.startswith("apps/")}
    made = index_of(tmp_path, {**files, "apps/web/app.ts": ""})
    assert {use.path for use in uses(made, CodeKind.XADD)} == {"packages/bus/src/bus.ts"}


EXPORTS = {
    "the package": ('".": "./src/names.ts"', "@shop/names"),
    "a part": ('"./streams": "./src/names.ts"', "@shop/names/streams"),
    "by condition": (
        '"./streams": {"types": "./x.d.ts", "import": {"default": "./src/names.ts"}}',
        "@shop/names/streams",
    ),
}


@pytest.mark.parametrize(("exports", "name"), EXPORTS.values(), ids=EXPORTS.keys())
def test_what_a_package_exports_is_found(exports: str, name: str, tmp_path: Path) -> None:
    files = {
        "libs/names/package.json": f'{{"name": "@shop/names", "exports": {{{exports}}}}}',
        "libs/names/src/names.ts": "export const ORDERS = 'orders';",
        "apps/web/app.ts": f"import {{ ORDERS }} from '{name}';\nr.xadd(ORDERS, '*', 'a', 1);",
    }
    assert streams(index_of(tmp_path, files), CodeKind.XADD) == {"orders"}


UNREAD = {
    "packages/ui/button.ts": "export function button() { return 'b'; }",
    "packages/ui/words.ts": "// streams: xyz\nexport const broken = ((((;",
}


def test_a_file_that_nothing_leads_to_is_not_parsed(tmp_path: Path) -> None:
    root = write(tmp_path, {**SHARED, **UNREAD})
    sources = SourceFiles(list(walk(root)), lambda *_: pytest.fail("a gap"))
    program = Program(sources, {})
    parsed = {path for path in sources.holding(Holds.MESSAGES) if program.modules[path]}
    assert parsed == {"packages/bus/src/bus.ts"}
    assert set(sources.paths) == SHARED.keys() - {"packages/bus/package.json"} | UNREAD.keys()


def test_a_name_in_too_many_files_leads_to_none_of_them(tmp_path: Path) -> None:
    """`run` is called everywhere: the wrapper's stream stays unknown, and that is a gap."""
    many = {f"apps/a{n}/app.ts": "class A { run() { run('x'); } }" for n in range(NAMED_FILES_MAX)}
    code = {"lib/bus.ts": "export function run(s) { r.xadd(s, '*', 'a', 1); }"}
    made = index_of(tmp_path, {**many, **code})
    assert streams(made, CodeKind.XADD) == {None}
    assert [gap.blind for gap in made.gaps] == [False]


def test_an_ignore_comment_needs_a_rule_and_a_reason(tmp_path: Path) -> None:
    code = """
    r.xadd("a", {})  # streamgauge-ignore code.xadd-no-maxlen drained by a job at night
    r.xadd("b", {})  # streamgauge-ignore code.xadd-no-maxlen
    """
    made = index_of(tmp_path, {"app.py": code})
    assert [(i.line, i.text) for i in made.ignores] == [(1, "code.xadd-no-maxlen drained by a job at night")]


def test_an_index_comes_back_as_it_was_written(tmp_path: Path) -> None:
    made = index_of(
        tmp_path / "p", {"services/a/app.py": ADD, ".env": "A_KEY=1\n", "docker-compose.yml": "{"}
    )
    write_index(tmp_path / "code.json.gz", made)
    assert read_index(tmp_path / "code.json.gz") == made


def test_a_damaged_index_says_so(tmp_path: Path) -> None:
    path = tmp_path / "code.json.gz"
    with pytest.raises(FileNotFoundError):
        read_index(path)
    for data in (b"", b"not gzip", gzip.compress(b"{}"), gzip.compress(b"[1]")[:-5]):
        path.write_bytes(data)
        with pytest.raises(SourceUnavailable):
            read_index(path)


def test_a_failed_index_is_blind_and_says_why() -> None:
    (gap,) = failed_index("PermissionError: no", NOW_MS).gaps
    assert (gap.blind, "PermissionError" in gap.why) == (True, True)


def test_secrets_in_code_are_masked_in_every_fact(tmp_path: Path) -> None:
    token = "ghp_" + "a1B2" * 10
    made = index_of(tmp_path, {"app.py": f'r.xadd("s1", {{"t": "{token}"}})\n', ".env": f"X={token}\n"})
    write_index(tmp_path / "i.gz", made)
    assert token not in repr(made)
    assert token.encode() not in gzip.decompress((tmp_path / "i.gz").read_bytes())


def test_a_file_that_cannot_be_read_is_a_blind_gap(tmp_path: Path) -> None:
    def gap(what: str, why: str, fix: str, blind: bool) -> Gap:
        return Gap(what=what, why=why, fix=fix, source="code", at_ms=NOW_MS, blind=blind)

    sources = SourceFiles([ProjectFile("app.py", tmp_path / "app.py", 3)], gap)
    assert sources.paths == ()
    assert [(found.what, found.blind) for found in sources.gaps] == [("app.py", True)]


@pytest.mark.parametrize(
    "text",
    ["x = " + "(" * 5000 + ")" * 5000, "x = " + "+".join(["a"] * 20000), "x" + "[0]" * 5000, "def f(:\n  r.xadd("],
    ids=["brackets", "a long sum", "subscripts", "broken"],
)  # fmt: skip
def test_absurd_code_becomes_a_gap_or_nothing(text: str, tmp_path: Path) -> None:
    for name in ("app.py", "app.js", "app.go"):
        (tmp_path / name).write_text(f"{text}\nr.xadd('s1', 1)")
    build_index(tmp_path, (), (), NOW_MS)


def test_a_language_that_is_not_on_the_list_is_refused() -> None:
    with pytest.raises(ValueError, match="cobol"):
        parse("x", "cobol")


PIECES = st.sampled_from(
    ["r.xadd(", "'s'", '"t"', ")", "(", "{", "}", ":", "=", "f'{x}'", "`${x}`", "class A", "def f(x):", "\n", "  ",
     "import ", "from x import *", "func (k *K) f(x T) {", "type K struct {", ":=", "range ", "&X{A: ", "go ", "switch ", "const ", "=>", "await ", "process.env.X", "os.environ[", "]", "*", "**o", "é", ","]
)  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces=st.lists(PIECES, max_size=40))
def test_no_text_breaks_a_reader(pieces: list[str]) -> None:
    text = "".join(pieces)
    python_tree.read("a.py", text)
    javascript_tree.read("a.ts", text, "typescript")
    javascript_tree.read("a.js", text, "javascript")
    go_tree.read("a.go", text)


@settings(max_examples=100, deadline=None)
@given(text=st.text(max_size=60), path=st.text(min_size=1, max_size=20))
def test_no_pattern_breaks_gitignore(text: str, path: str) -> None:
    gitignore.ignored(path, False, [gitignore.parse("", text)])


def test_names_that_are_no_utf_8_blind_nothing(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"d\xe9")
    folder.mkdir()
    (folder / os.fsdecode(b"caf\xe9.py")).write_text(ADD)
    made = build_index(tmp_path, (), (), NOW_MS)
    assert [use.path for use in made.uses if use.stream is not None] == [r"d\xe9/caf\xe9.py"]
    write_index(tmp_path / "code.json.gz", made)


def test_names_that_are_looked_for_together_are_found_as_each_alone_is(tmp_path: Path) -> None:
    texts = {f"part{n}.py": f"everywhere = 1\nname{n % 7}(x)\n" for n in range(50)} | {
        "odd.py": "a.b$c|d()\n"
    }
    files = list(walk(write(tmp_path, texts)))
    names = [*(f"name{n}" for n in range(9)), "everywhere", "nowhere", "a.b$c|d", "x"]
    together = SourceFiles(files, lambda *_: pytest.fail("no gap was due"))
    together.offer(names)
    for name in names:
        alone = SourceFiles(files, lambda *_: pytest.fail("no gap was due"))
        held = tuple(path for path in sorted(texts) if name in texts[path])
        assert together.naming(name) == alone.naming(name) == held
