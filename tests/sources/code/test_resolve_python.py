"""Which stream a name in Python means: every spelling that was seen in real code."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sources.code.trees import index_of, streams, uses
from tools.sources.records import CodeKind

ONE_FILE = {
    "a literal": ('r.xadd("orders", {"a": 1})', {"orders"}),
    "a keyword": ('r.xadd(name="orders", fields={"a": 1})', {"orders"}),
    "an awaited call": ('async def f(r):\n    await r.xadd("orders", {})', {"orders"}),
    "a module constant": ('S = "orders"\nr.xadd(S, {})', {"orders"}),
    "a constant of a constant": ('A = "orders"\nB = A\nr.xadd(B, {})', {"orders"}),
    "an annotated constant": ('S: Final[str] = "orders"\nr.xadd(S, {})', {"orders"}),
    "function scope first": (
        'S = "outer"\ndef f(r):\n    S = "inner"\n    r.xadd(S, {})\ndef g(r):\n    r.xadd(S, {})',
        {"inner", "outer"},
    ),
    "ten functions with one name": (
        "".join(f'def f{n}(r):\n    stream_key = "s:{n}"\n    r.xadd(stream_key, {{}})\n' for n in range(10)),
        {f"s:{n}" for n in range(10)},
    ),
    "an enum member": ('class S(Enum):\n    A = "orders"\nr.xadd(S.A.value, {})', {"orders"}),
    "a string enum member": ('class S(StrEnum):\n    A = "orders"\nr.xadd(S.A, {})', {"orders"}),
    "a class attribute": (
        'class C:\n    S = "orders"\n    def f(self, r):\n        r.xadd(self.S, {})',
        {"orders"},
    ),
    "an inherited attribute": (
        'class B:\n    S = "orders"\nclass C(B):\n    def f(self, r):\n        r.xadd(self.S, {})',
        {"orders"},
    ),
    "a field set by the constructor": (
        (
            "class C:\n    def __init__(self, stream):\n        self.stream = stream\n"
            '    def f(self, r):\n        r.xadd(self.stream, {})\nC("orders")\nC(stream="bills")'
        ),
        {"orders", "bills"},
    ),
    "a field with a default": (
        (
            'class C:\n    def __init__(self, stream="orders"):\n        self.stream = stream\n'
            "    def f(self, r):\n        r.xadd(self.stream, {})"
        ),
        {"orders"},
    ),
    "a dict member": ('M = {"a": "orders", "b": "bills"}\nr.xadd(M["a"], {})', {"orders"}),
    "a nested dict": ('M = {"x": {"a": "orders"}}\nr.xadd(M["x"]["a"], {})', {"orders"}),
    "any value of a dict": (
        'M = {"a": "orders", "b": "bills"}\ndef f(r, kind):\n    r.xadd(M[kind], {})',
        {"orders", "bills"},
    ),
    "a dict with get": ('M = {"a": "orders"}\nr.xadd(M.get("a"), {})', {"orders"}),
    "a namespace": ('S = SimpleNamespace(A="orders")\nr.xadd(S.A, {})', {None}),
    "a dataclass instance": (
        '@dataclass\nclass C:\n    stream: str\nc = C(stream="orders")\nr.xadd(c.stream, {})',
        {"orders"},
    ),
    "an f-string": ('P = "orders"\ndef f(r, x):\n    r.xadd(f"{P}:{x.region}", {})', {"orders:{}"}),
    "a sum": ('P = "orders"\nr.xadd(P + ":new", {})', {"orders:new"}),
    "a format": ('r.xadd("orders:{}".format(n()), {})', {"orders:{}"}),
    "a percent format": ('r.xadd("orders:%s" % n(), {})', {"orders:{}"}),
    "a ternary": ('r.xadd("a1" if x() else "b1", {})', {"a1", "b1"}),
    "an environment default": ('import os\nr.xadd(os.environ.get("X", "orders"), {})', {"orders"}),
    "getenv with or": ('import os\nr.xadd(os.getenv("X") or "orders", {})', {"orders"}),
    "an environment value without default": ('import os\nr.xadd(os.environ["X"], {})', {None}),
    "a returned value": ('def route(k):\n    return f"orders:{k}"\nr.xadd(route(n()), {})', {"orders:{}"}),
    "returned values": (
        'def route(k):\n    if k:\n        return "a1"\n    return "b1"\nr.xadd(route(n()), {})',
        {"a1", "b1"},
    ),
    "a loop over a list": ('S = ["a1", "b1"]\nfor s in S:\n    r.xadd(s, {})', {"a1", "b1"}),
    "a loop over items": ('S = {"a1": 1, "b1": 2}\nfor s, n in S.items():\n    r.xadd(s, {})', {"a1", "b1"}),
    "a loop over values": ('S = {"x": "a1"}\nfor s in S.values():\n    r.xadd(s, {})', {"a1"}),
    "split text": ('S = "a1,b1".split(",")\nfor s in S:\n    r.xadd(s, {})', {"a1", "b1"}),
    "a parameter": ('def f(r, s):\n    r.xadd(s, {})\nf(x, "orders")\nf(x, s="bills")', {"orders", "bills"}),
    "a parameter's default": ('def f(r, s="orders"):\n    r.xadd(s, {})', {"orders"}),
    "three levels": (
        'def a(r, s):\n    r.xadd(s, {})\ndef b(r, s):\n    a(r, s)\ndef c(r, s):\n    b(r, s)\nc(x, "orders")',
        {"orders"},
    ),
    "a parameter in an f-string": ('def f(r, s):\n    r.xadd(f"q:{s}", {})\nf(x, "orders")', {"q:orders"}),
    "a closure's parameter": (
        'def f(r, s):\n    def g():\n        r.xadd(s, {})\n    g()\nf(x, "orders")',
        {"orders"},
    ),
    "a parameter nobody gives": ("def f(r, s):\n    r.xadd(s, {})", {None}),
    "a method by its only name": (
        'class Bus:\n    def emit(self, s):\n        self.r.xadd(s, {})\ndef f(bus):\n    bus.emit("orders")',
        {"orders"},
    ),
    "a raw command": ('r.execute_command("XADD", "orders", "*", "a", 1)', {"orders"}),
    "a circle": ("A = B\nB = A\nr.xadd(A, {})", {None}),
    "a recursive function": ("def f(r, s):\n    r.xadd(s, {})\n    f(r, s)", {None}),
    "a string that only looks like a call": ('"""r.xadd("orders")"""\n# r.xadd("x", {})', set()),
}


@pytest.mark.parametrize(("code", "expected"), ONE_FILE.values(), ids=ONE_FILE.keys())
def test_a_stream_name_is_resolved(code: str, expected: set[str | None], tmp_path: Path) -> None:
    assert streams(index_of(tmp_path, {"app.py": code}), CodeKind.XADD) == expected


ACROSS = {
    "from package import module": {
        "shared/streams.py": 'ORDERS = "orders"',
        "services/a/main.py": "from shared import streams\nr.xadd(streams.ORDERS, {})",
    },
    "from module import name as": {
        "shared/streams.py": 'ORDERS = "orders"',
        "services/a/main.py": "from shared.streams import ORDERS as O\nr.xadd(O, {})",
    },
    "import dotted": {
        "shared/streams.py": 'ORDERS = "orders"',
        "shared/__init__.py": "",
        "services/a/main.py": "import shared.streams as s\nr.xadd(s.ORDERS, {})",
    },
    "relative": {
        "app/__init__.py": "",
        "app/streams.py": 'ORDERS = "orders"',
        "app/main.py": "from .streams import ORDERS\nr.xadd(ORDERS, {})",
    },
    "relative to the parent": {
        "app/streams.py": 'ORDERS = "orders"',
        "app/sub/main.py": "from ..streams import ORDERS\nr.xadd(ORDERS, {})",
    },
    "a star": {
        "app/streams.py": 'ORDERS = "orders"',
        "app/main.py": "from app.streams import *\nr.xadd(ORDERS, {})",
    },
    "given on by the package": {
        "app/__init__.py": "from .streams import ORDERS",
        "app/streams.py": 'ORDERS = "orders"',
        "main.py": "from app import ORDERS\nr.xadd(ORDERS, {})",
    },
    "a src folder": {
        "src/app/streams.py": 'ORDERS = "orders"',
        "worker.py": "from app.streams import ORDERS\nr.xadd(ORDERS, {})",
    },
    "another source root": {
        "libs/core/src/core/streams.py": 'ORDERS = "orders"',
        "services/a/main.py": "from core.streams import ORDERS\nr.xadd(ORDERS, {})",
    },
    "a helper in another file": {
        "shared/bus.py": "def publish(r, stream, body):\n    r.xadd(stream, body)",
        "services/a/main.py": 'from shared.bus import publish\npublish(r, "orders", {})',
    },
    "an imported class": {
        "shared/bus.py": "class Bus:\n    def __init__(self, s):\n        self.s = s\n    def go(self, r):\n"
        "        r.xadd(self.s, {})",
        "services/a/main.py": 'from shared.bus import Bus\nBus("orders").go(r)',
    },
    "the environment file wins over the default": {
        ".env": "STREAM=orders\n",
        "main.py": 'import os\nr.xadd(os.environ.get("STREAM", "other"), {})',
    },
}


@pytest.mark.parametrize("files", ACROSS.values(), ids=ACROSS.keys())
def test_a_name_is_followed_across_files(files: dict[str, str], tmp_path: Path) -> None:
    assert streams(index_of(tmp_path, files), CodeKind.XADD) == {"orders"}


def test_a_use_through_a_helper_stands_at_the_callers_place_with_its_chain(tmp_path: Path) -> None:
    index = index_of(
        tmp_path,
        {
            "shared/names.py": 'ORDERS = "orders"',
            "shared/bus.py": "def publish(r, stream, body, maxlen=1000):\n    r.xadd(stream, body, maxlen=maxlen)",
            "services/a/main.py": "from shared import names\nfrom shared.bus import publish\n\n"
            "def run():\n    publish(r, names.ORDERS, {'x': 1})",
        },
    )
    (use,) = uses(index, CodeKind.XADD)
    assert (use.service, use.path, use.line, use.function) == ("a", "services/a/main.py", 5, "run")
    assert use.options == {"maxlen": "1000"}
    assert use.fields == ("x",)
    assert use.stream is not None
    assert use.stream.confidence == "parameter"
    assert [(step.path, step.line) for step in use.stream.chain] == [
        ("shared/bus.py", 2),
        ("services/a/main.py", 5),
        ("shared/names.py", 1),
    ]


OPTIONS = {
    "a cap by keyword": ('r.xadd("s1", {}, maxlen=5)', {"maxlen": "5"}),
    "a cap by position": ('r.xadd("s1", {}, "*", 5)', {"maxlen": "5"}),
    "a cap of None": ('r.xadd("s1", {}, maxlen=None)', {}),
    "a cap from the settings": (
        'import os\nN = int(os.getenv("N", "7"))\nr.xadd("s1", {}, maxlen=N)',
        {"maxlen": "7"},
    ),
    "a cap in spread options": ('O = {"maxlen": 5}\nr.xadd("s1", {}, **O)', {"maxlen": "5"}),
    "spread options nobody can read": ('r.xadd("s1", {}, **options())', {"spread": "options()"}),
    "a raw cap": ('r.execute_command("XADD", "s1", "MAXLEN", "~", 5, "*", "a", 1)', {"maxlen": "5"}),
    "a helper's default": ('def f(r, maxlen=9):\n    r.xadd("s1", {}, maxlen=maxlen)\nf(x)', {"maxlen": "9"}),
    "a helper's default of None": ('def f(r, maxlen=None):\n    r.xadd("s1", {}, maxlen=maxlen)\nf(x)', {}),
}


@pytest.mark.parametrize(("code", "expected"), OPTIONS.values(), ids=OPTIONS.keys())
def test_a_cap_is_seen(code: str, expected: dict[str, str], tmp_path: Path) -> None:
    (use,) = uses(index_of(tmp_path, {"app.py": code}), CodeKind.XADD)
    assert use.options == expected


def test_groups_are_read_from_the_map_of_streams(tmp_path: Path) -> None:
    code = """
    S = {"orders": ">", "bills": ">"}
    def run(r):
        r.xreadgroup("g1", "c", S, count=10, block=1000)
        r.xreadgroup(groupname="g2", consumername="c", streams={"more": ">"}, noack=True)
        r.xgroup_create("orders", "g1", id="0", mkstream=True)
        r.xack("orders", "g1", "1-0")
        r.xautoclaim("orders", "g1", "c", 1000)
        r.execute_command("XREADGROUP", "GROUP", "g3", "c", "STREAMS", "raw1", "raw2", ">", ">")
        r.execute_command("XGROUP", "CREATE", "raw1", "g3", "$")
    """
    index = index_of(tmp_path, {"app.py": code})
    pairs = {
        (use.kind.value, use.stream.value, use.group.value)
        for use in index.uses
        if use.stream is not None and use.group is not None
    }
    assert pairs == {
        ("xreadgroup", "orders", "g1"),
        ("xreadgroup", "bills", "g1"),
        ("xreadgroup", "more", "g2"),
        ("xgroup-create", "orders", "g1"),
        ("xack", "orders", "g1"),
        ("xclaim", "orders", "g1"),
        ("xreadgroup", "raw1", "g3"),
        ("xreadgroup", "raw2", "g3"),
        ("xgroup-create", "raw1", "g3"),
    }


ENVIRONMENT = {
    "a subscript": ('import os\nX = os.environ["A_KEY"]', {}),
    "get": ('import os\nX = os.environ.get("A_KEY")', {}),
    "get with a default": ('import os\nX = os.environ.get("A_KEY", "d")', {"default": '"d"'}),
    "a default of None is none": ('import os\nX = os.environ.get("A_KEY", None)', {"tested": "None"}),
    "or": ('import os\nX = os.getenv("A_KEY") or "d"', {"default": '"d"'}),
    "only tested": ('import os\nif os.getenv("A_KEY"):\n    pass', {"tested": "tested"}),
    "from os import environ": ('from os import environ\nX = environ["A_KEY"]', {}),
    "from os import getenv": ('from os import getenv\nX = getenv("A_KEY")', {}),
    "an alias": ('import os\nenv = os.environ\nX = env["A_KEY"]', {}),
    "a constant name": ('import os\nN = "A_KEY"\nX = os.environ[N]', {}),
    "a helper": ('import os\ndef need(name):\n    return os.environ[name]\nX = need("A_KEY")', {}),
}


@pytest.mark.parametrize(("code", "options"), ENVIRONMENT.values(), ids=ENVIRONMENT.keys())
def test_a_read_of_the_environment_is_seen(code: str, options: dict[str, str], tmp_path: Path) -> None:
    (use,) = uses(index_of(tmp_path, {"app.py": code}), CodeKind.ENV_READ)
    said = {name: value for name, value in use.options.items() if name != "strict"}
    assert (use.name, said) == ("A_KEY", options)


@pytest.mark.parametrize(
    "code",
    ['import os\nos.environ["A_KEY"] = "x"', 'd = {}\nd["A_KEY"]', 'class C: pass\nC.get("A_KEY")'],
    ids=["a write", "another dict", "another get"],
)
def test_what_reads_no_environment_is_none(code: str, tmp_path: Path) -> None:
    assert uses(index_of(tmp_path, {"app.py": code}), CodeKind.ENV_READ) == []


def test_a_name_that_cannot_be_resolved_is_a_gap_that_blinds_nothing(tmp_path: Path) -> None:
    index = index_of(tmp_path, {"app.py": "def f(r, s):\n    r.xadd(s, {})"})
    assert [(gap.blind, "app.py" in gap.what) for gap in index.gaps] == [(False, True)]


SPREADS = {
    "a list": 'a = ["XADD", "orders", "*", "k", 1]\nr.execute_command(*a)',
    "a list that grows": 'a = ["XADD"]\na.append("orders")\na.extend(["*", "k", 1])\nr.execute_command(*a)',
    "a client's method of the same name as a wrapper's": (
        "class Bus:\n"
        "    conn: Redis\n"
        "    def xadd(self, stream, fields):\n"
        "        return self.conn.xadd(stream, fields)\n"
        'def f():\n    b = Bus()\n    b.xadd("orders", {})'
    ),
}


@pytest.mark.parametrize("code", SPREADS.values(), ids=SPREADS.keys())
def test_a_stream_is_found_among_arguments_put_together_before(code: str, tmp_path: Path) -> None:
    assert streams(index_of(tmp_path, {"app.py": code}), CodeKind.XADD) == {"orders"}


def test_loops_that_share_a_name_are_told_apart(tmp_path: Path) -> None:
    code = """
        def f(r, messages):
            for stream, entries in messages:
                print(stream, entries)
            for stream in ["a1", "b1"]:
                r.xtrim(stream, maxlen=10)
    """
    assert streams(index_of(tmp_path, {"app.py": code}), CodeKind.XTRIM) == {"a1", "b1"}
