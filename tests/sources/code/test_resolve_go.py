"""Which stream a name in Go means, what go-redis is told, what is read of the environment, and which loops there are."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sources.code.trees import index_of, streams, uses
from tools.sources.records import CodeKind

ADD = 'func f() { r.XAdd(ctx, &redis.XAddArgs{Stream: S, Values: map[string]any{"a": 1}}) }'


def go(code: str) -> str:
    return f"package main\n\n{code}\n"


ADDS = {
    "a literal": (ADD.replace("S,", '"orders",'), {"orders"}),
    "a raw literal": (ADD.replace("S,", "`orders`,"), {"orders"}),
    "no context, as in old versions": (ADD.replace("ctx, ", "").replace("S,", '"orders",'), {"orders"}),
    "no pointer": (ADD.replace("&", "").replace("S,", '"orders",'), {"orders"}),
    "a chain": ('func f() { r.XAdd(ctx, &redis.XAddArgs{Stream: "orders"}).Err() }', {"orders"}),
    "a constant": (f'const S = "orders"\n{ADD}', {"orders"}),
    "a typed constant of several": (f'const (\n\tA string = "x"\n\tS string = "orders"\n)\n{ADD}', {"orders"}),
    "a variable": (f'var S = "orders"\n{ADD}', {"orders"}),
    "constants put together": (f'const P = "shop:"\nconst S = P + "orders"\n{ADD}', {"shop:orders"}),
    "Sprintf": ('func f(id string) { r.XAdd(ctx, &redis.XAddArgs{Stream: fmt.Sprintf("orders:%s", id)}) }', {"orders:{}"}),
    "arguments bound before": (
        'func f() {\n\ta := &redis.XAddArgs{Stream: "orders"}\n\tr.XAdd(ctx, a)\n}',
        {"orders"},
    ),
    "a parameter": ('func f(s string) { r.XAdd(ctx, &redis.XAddArgs{Stream: s}) }\nfunc g() { f("orders"); f("bills") }', {"orders", "bills"}),
    "a field that a constructor sets": (
        ("type B struct { stream string }\n"
        "func New(s string) *B { return &B{stream: s} }\n"
        "func (b *B) Add() { r.XAdd(ctx, &redis.XAddArgs{Stream: b.stream}) }\n"
        'func main() { New("orders").Add() }'),
        {"orders"},
    ),
    "a field that is assigned": (
        ("type B struct { stream string }\n"
        'func (b *B) Init() { b.stream = "orders" }\n'
        "func (b *B) Add() { r.XAdd(ctx, &redis.XAddArgs{Stream: b.stream}) }"),
        {"orders"},
    ),
    "what a function returns": (
        'func name(s string) string { return "shop:" + s }\nfunc f() { r.XAdd(ctx, &redis.XAddArgs{Stream: name("orders")}) }',
        {"shop:orders"},
    ),
    "a map": ('var S = map[string]string{"o": "orders"}\nfunc f() { r.XAdd(ctx, &redis.XAddArgs{Stream: S["o"]}) }', {"orders"}),
    "a loop": ('func f() { for _, s := range []string{"a1", "b1"} { r.XAdd(ctx, &redis.XAddArgs{Stream: s}) } }', {"a1", "b1"}),
    "an environment with a struct tag": (
        ('type C struct { S string `env:"S_NAME" envDefault:"orders"` }\n'
        "func f() { c := C{}; r.XAdd(ctx, &redis.XAddArgs{Stream: c.S}) }"),
        {"orders"},
    ),
    "Do": ('func f() { r.Do(ctx, "XADD", "orders", "*", "a", 1) }', {"orders"}),
    "a comment and a string": ('// r.XAdd(ctx, &redis.XAddArgs{Stream: "orders"})\nvar t = "r.XAdd"', set()),
    "a method of another library": ("func f() { chart.XAdd(1, 2) }", set()),
}  # fmt: skip


@pytest.mark.parametrize(("code", "expected"), ADDS.values(), ids=ADDS.keys())
def test_a_stream_name_is_resolved(code: str, expected: set[str | None], tmp_path: Path) -> None:
    assert streams(index_of(tmp_path, {"main.go": go(code)}), CodeKind.XADD) == expected


ACROSS = {
    "another file of the package": {"names.go": go('const S = "orders"'), "main.go": go(ADD)},
    "another package of the module": {
        "go.mod": "module example.com/shop/v2\n",
        "internal/names/names.go": 'package names\n\nconst Orders = "orders"\n',
        "cmd/api/main.go": go(
            'import "example.com/shop/v2/internal/names"\n\n' + ADD.replace("S,", "names.Orders,")
        ),
    },
    "under another name": {
        "go.mod": "module example.com/shop\n",
        "pkg/go-names/a.go": "package names\n",
        "pkg/go-names/b.go": 'package names\n\nfunc Of() string { return "orders" }\n',
        "cmd/api/main.go": go('import n "example.com/shop/pkg/go-names"\n\n' + ADD.replace("S,", "n.Of(),")),
    },
    "a bus that is called by an interface": {
        "go.mod": "module example.com/shop\n",
        "bus/bus.go": (
            "package bus\n\ntype Bus interface { Publish(s string) error }\ntype redisBus struct{ c *redis.Client }\n"
            "func (b *redisBus) Publish(s string) error { return b.c.XAdd(ctx, &redis.XAddArgs{Stream: s}).Err() }\n"
        ),
        "cmd/api/main.go": go('import "example.com/shop/bus"\n\nfunc f(b bus.Bus) { b.Publish("orders") }'),
    },
}


@pytest.mark.parametrize("files", ACROSS.values(), ids=ACROSS.keys())
def test_a_name_is_followed_across_files(files: dict[str, str], tmp_path: Path) -> None:
    assert streams(index_of(tmp_path, files), CodeKind.XADD) == {"orders"}


READ = 'r.XReadGroup(ctx, &redis.XReadGroupArgs{Group: "g1", Consumer: c, Streams: []string{"orders", ">"}, Count: 5})'
READS = {
    "without Block, which is for ever": (READ, {"count": "5", "block": "0", "id": ">"}),
    "with Block": (READ.replace("5}", "5, Block: 2 * time.Second}"), {"count": "5", "block": "2 * time.Second", "id": ">"}),
    "without blocking": (READ.replace("5}", "5, Block: -1}"), {"count": "5", "id": ">"}),
    "streams in a variable": (
        's := []string{"orders", ">"}\n' + READ.replace('[]string{"orders", ">"}', "s"),
        {"count": "5", "block": "0", "id": ">"},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("code", "options"), READS.values(), ids=READS.keys())
def test_a_read_is_understood(code: str, options: dict[str, str], tmp_path: Path) -> None:
    (use,) = uses(index_of(tmp_path, {"main.go": go(f"func f() {{\n{code}\n}}")}), CodeKind.XREADGROUP)
    assert (use.stream and use.stream.value, use.group and use.group.value) == ("orders", "g1")
    assert use.options == options


OTHERS = {
    CodeKind.XACK: 'r.XAck(ctx, "orders", "g1", id)',
    CodeKind.XGROUP_CREATE: 'r.XGroupCreateMkStream(ctx, "orders", "g1", "0")',
    CodeKind.XCLAIM: 'r.XAutoClaim(ctx, &redis.XAutoClaimArgs{Stream: "orders", Group: "g1"})',
    CodeKind.XTRIM: 'r.XTrimMaxLenApprox(ctx, "orders", 1000, 0)',
    CodeKind.XREAD: 'r.XRead(ctx, &redis.XReadArgs{Streams: []string{"orders", "$"}})',
}


@pytest.mark.parametrize(("kind", "code"), OTHERS.items(), ids=[kind.value for kind in OTHERS])
def test_other_commands_are_seen(kind: CodeKind, code: str, tmp_path: Path) -> None:
    assert streams(index_of(tmp_path, {"main.go": go(f"func f() {{ {code} }}")}), kind) == {"orders"}


CAPS = {
    "without": ('Stream: "s1"', {}),
    "MaxLen": ('Stream: "s1", MaxLen: 1000, Approx: true', {"maxlen": "1000"}),
    "MaxLen of 0 is none": ('Stream: "s1", MaxLen: 0', {}),
    "MinID": ('Stream: "s1", MinID: "1-0"', {"minid": "1-0"}),
}


@pytest.mark.parametrize(("fields", "options"), CAPS.values(), ids=CAPS.keys())
def test_a_cap_is_seen(fields: str, options: dict[str, str], tmp_path: Path) -> None:
    code = f"func f() {{ r.XAdd(ctx, &redis.XAddArgs{{{fields}}}) }}"
    (use,) = uses(index_of(tmp_path, {"main.go": go(code)}), CodeKind.XADD)
    assert use.options == options


PAYLOADS = {
    "a map": 'map[string]interface{}{"a": 1, "b": 2}',
    "a slice": '[]string{"a", "1", "b", "2"}',
}


@pytest.mark.parametrize("values", PAYLOADS.values(), ids=PAYLOADS.keys())
def test_a_payload_is_read(values: str, tmp_path: Path) -> None:
    code = f'func f() {{ r.XAdd(ctx, &redis.XAddArgs{{Stream: "s1", Values: {values}}}) }}'
    (use,) = uses(index_of(tmp_path, {"main.go": go(code)}), CodeKind.XADD)
    assert use.fields == ("a", "b")


ENVIRONMENT = {
    "Getenv": ('var x = os.Getenv("A_KEY")', {}),
    "Getenv among others": ('var (\n\tx = os.Getenv("A_KEY")\n)', {}),
    "tested": ('func f() { if v := os.Getenv("A_KEY"); v != "" { g(v) } }', {"tested": "tested"}),
    "tested below": ('func f() {\n\tv := os.Getenv("A_KEY")\n\tif v == "" { v = "d" }\n}', {"tested": "tested"}),
    "LookupEnv": ('func f() { v, ok := os.LookupEnv("A_KEY"); g(v, ok) }', {"tested": "tested"}),
    "a struct tag": ('type C struct {\n\tX string `env:"A_KEY,required"`\n}', {}),
    "a struct tag with a default": ('type C struct {\n\tX string `envconfig:"A_KEY" default:"d"`\n}', {"default": "d"}),
    "a helper": (
        'func get(k, d string) string { if v := os.Getenv(k); v != "" { return v }; return d }\nvar x = get("A_KEY", "d")',
        {"tested": "tested"},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("code", "options"), ENVIRONMENT.values(), ids=ENVIRONMENT.keys())
def test_a_read_of_the_environment_is_seen(code: str, options: dict[str, str], tmp_path: Path) -> None:
    (use,) = uses(index_of(tmp_path, {"main.go": go(code)}), CodeKind.ENV_READ)
    assert (use.name, use.options) == ("A_KEY", options)


LOOPS = {
    "for ever": (f"for {{ {READ} }}", "endless"),
    "a flag": (f"for k.running {{ {READ} }}", "endless"),
    "until the context ends": (f"for ctx.Err() == nil {{ {READ} }}", "endless"),
    "a select": (f"for {{ select {{ case <-ctx.Done(): return; default: {READ} }} }}", "endless"),
    "in a closure": (f"for {{ func() {{ {READ} }}() }}", "endless"),
    "a ticker": (f"t := time.NewTicker(time.Second)\nfor range t.C {{ {READ} }}", "timer"),
    "items": (f"for _, x := range xs {{ {READ} }}", None),
    "a count": (f"for i := 0; i < 3; i++ {{ {READ} }}", None),
    "none": (READ, None),
}


@pytest.mark.parametrize(("code", "kind"), LOOPS.values(), ids=LOOPS.keys())
def test_a_read_knows_what_repeats_it(code: str, kind: str | None, tmp_path: Path) -> None:
    (use,) = uses(index_of(tmp_path, {"main.go": go(f"func f() {{\n{code}\n}}")}), CodeKind.XREADGROUP)
    assert (use.around.loop and use.around.loop.kind) == kind


def test_the_one_number_that_callers_give_is_known(tmp_path: Path) -> None:
    code = (
        "func read(n int64) { "
        + READ.replace("5}", "n}")
        + " }\nfunc f() { for { read(1) } }\nfunc g() { read(1) }"
    )
    (use,) = uses(index_of(tmp_path, {"main.go": go(code)}), CodeKind.XREADGROUP)
    assert use.options["count"] == "1"


def test_prints_are_seen_and_what_prints_elsewhere_is_not(tmp_path: Path) -> None:
    code = (
        ADD.replace("S,", '"orders",')
        + '\nfunc g() { fmt.Println("x"); fmt.Sprintf("y"); fmt.Fprintf(w, "z"); log.Println("l") }'
    )
    assert [use.name for use in uses(index_of(tmp_path, {"main.go": go(code)}), CodeKind.CONSOLE_LOG)] == [
        "fmt.Println"
    ]


@pytest.mark.parametrize(
    "name", ["main_test.go", "vendor/x/main.go", "api.pb.go", "gen/main.go"], ids=["a test", "vendored", "generated", "a folder of generated code"]
)  # fmt: skip
def test_what_is_out_of_scope_yields_nothing(name: str, tmp_path: Path) -> None:
    text = "// Code generated by protoc. DO NOT EDIT.\n" if name.endswith(".pb.go") else ""
    assert index_of(tmp_path, {name: text + go(ADD)}).uses == ()
