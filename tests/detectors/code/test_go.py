"""The rules about code on Go: what each tells, what it leaves alone, and proposals in the style of go-redis."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.detectors.code.cases import Files, symptoms
from tools.detectors.code import (
    console_logging,
    count_one,
    hardcoded_stream,
    keys_command,
    no_correlation_id,
    no_dead_letter,
    polling_read,
    producer_no_retry,
    silent_catch,
    xadd_no_maxlen,
    xread_no_group,
    xreadgroup_no_ack,
)
from tools.detectors.contract import CodeDetector

READ = 'c.XReadGroup(ctx, &redis.XReadGroupArgs{Group: "g", Consumer: n, Streams: []string{"s1", ">"}, Count: 10, Block: time.Second})'
WORK = f"""
func work() {{
	for {{
		replies, _ := {READ}.Result()
		for _, m := range replies[0].Messages {{
			handle(m)
			c.XAck(ctx, "s1", "g", m.ID)
		}}
	}}
}}
"""
ADD = 'func add() { c.XAdd(ctx, &redis.XAddArgs{Stream: "s1", Values: v}) }'
PLAIN = """
func work() {
	last := "$"
	for {
		replies, _ := c.XRead(ctx, &redis.XReadArgs{Streams: []string{"s1", last}}).Result()
		processOrder(replies[0])
	}
}
"""
MAP = 'func add() error { return c.XAdd(ctx, &redis.XAddArgs{Stream: "s1", Values: map[string]interface{}{"a": 1}}).Err() }'
TRACED = 'func other() error { return c.XAdd(ctx, &redis.XAddArgs{Stream: "s2", Values: map[string]any{"trace_id": t}}).Err() }'
CLIENT = "var c = redis.NewClient(&redis.Options{Addr: a, MaxRetries: -1})\n"
GROUP = 'func make() {\n\tc.XGroupCreateMkStream(ctx, "s1", "g", "0")\n}\n'
TESTED = (
    'func f() {\n\t_, err := c.XAdd(ctx, &redis.XAddArgs{Stream: "s1"}).Result()\n\tif err != nil {\n\t}\n}'
)


def go(code: str) -> Files:
    return {"services/a/main.go": f"package main\n\n{code}\n"}


Case = tuple[CodeDetector, Files]
FIRES: dict[str, Case] = {
    "an XADD without a cap": (xadd_no_maxlen, go(ADD)),
    "a pair that nobody acknowledges": (xreadgroup_no_ack, go(WORK.replace("XAck", "XLook"))),
    "a name in the call": (hardcoded_stream, go(ADD)),
    "no way out": (no_dead_letter, go(WORK)),
    "a read that does not block": (polling_read, go(WORK.replace("Block: time.Second", "Block: -1"))),
    "one at a time": (count_one, go(WORK.replace("Count: 10", "Count: 1"))),
    "prints": (console_logging, go(WORK + 'func say() { fmt.Println("x") }')),
    "KEYS": (keys_command, go('func f() { rdb.Keys(ctx, "order:*") }')),
    "work without a group": (xread_no_group, go(PLAIN)),
    "no correlation id": (no_correlation_id, go(f"{MAP}\n{TRACED}")),
    "retries that are switched off": (producer_no_retry, go(CLIENT + ADD)),
    "an XADD whose error nobody takes": (silent_catch, go(ADD)),
    "an error that is given away": (
        silent_catch,
        go(ADD.replace("c.XAdd", "_ = c.XAdd").replace("v})", "v}).Err()")),
    ),
    "an error that is tested for nothing": (silent_catch, go(TESTED)),
    "a group whose error nobody takes": (silent_catch, go(GROUP)),
}
STAYS_SILENT: dict[str, Case] = {
    "an XADD with a cap": (xadd_no_maxlen, go(ADD.replace("Values", "MaxLen: 1000, Approx: true, Values"))),
    "a stream that is trimmed": (xadd_no_maxlen, go(ADD + '\nfunc trim() { c.XTrimMaxLen(ctx, "s1", 10) }')),
    "an acknowledged pair": (xreadgroup_no_ack, go(WORK)),
    "meant to be lost": (xreadgroup_no_ack, go(WORK.replace("XAck", "XLook").replace("Count", "NoAck: true, Count"))),
    "a constant": (hardcoded_stream, go('const S = "s1"\n' + ADD.replace('"s1"', "S"))),
    "a limit of deliveries": (no_dead_letter, go(WORK.replace("handle(m)", "if pending[0].RetryCount > 3 { drop(m) }"))),
    "a dead-letter stream": (no_dead_letter, go(WORK + "func handle(m redis.XMessage) { publishDLQ(m) }")),
    "BLOCK, which is the default": (polling_read, go(WORK.replace(", Block: time.Second", ""))),
    "several at a time": (count_one, go(WORK)),
    "a logger": (console_logging, go(WORK + 'func say() { slog.Info("x") }')),
    "keys of a map": (keys_command, go("func f() { maps.Keys(m) }")),
    "a stored position": (xread_no_group, go(PLAIN.replace("processOrder(replies[0])", "processOrder(replies[0])\n\t\tsaveOffset(last)"))),
    "a correlation id": (no_correlation_id, go(MAP.replace("1}", '1, "trace_id": t}') + "\n" + TRACED)),
    "retries by default": (producer_no_retry, go(CLIENT.replace(", MaxRetries: -1", "") + ADD)),
    "an error that is returned": (silent_catch, go(MAP)),
    "an error that is told": (silent_catch, go(TESTED.replace("nil {\n", "nil {\n\t\tlog.Print(err)\n"))),
    "an error with a reason": (silent_catch, go(TESTED.replace("nil {\n", "nil {\n\t\t// lost entries are sent again at night\n"))),
    "a pipeline": (silent_catch, go("func add() { pipe := c.Pipeline(); pipe.XAdd(ctx, a); pipe.Exec(ctx) }")),
    "a pipeline of another name": (silent_catch, go(ADD.replace("func add() {", "func add() { c := r.TxPipeline(); "))),
    "an acknowledgement": (silent_catch, go(WORK)),
    "a test": (xadd_no_maxlen, {"services/a/main_test.go": f"package main\n{ADD}"}),
    "silenced": (xadd_no_maxlen, go(f"// streamgauge-ignore code.xadd-no-maxlen trimmed at night\n{ADD}")),
}  # fmt: skip


@pytest.mark.parametrize(("rule", "files"), FIRES.values(), ids=FIRES.keys())
def test_it_is_told(rule: CodeDetector, files: Files, tmp_path: Path) -> None:
    assert len(symptoms(rule, files, tmp_path)) == 1


@pytest.mark.parametrize(("rule", "files"), STAYS_SILENT.values(), ids=STAYS_SILENT.keys())
def test_it_is_left_alone(rule: CodeDetector, files: Files, tmp_path: Path) -> None:
    assert symptoms(rule, files, tmp_path) == []


AFTER: dict[str, tuple[CodeDetector, Files, str]] = {
    "a cap": (xadd_no_maxlen, go(ADD), 'redis.XAddArgs{MaxLen: 10000, Approx: true, Stream: "s1"'),
    "an acknowledgement": (xreadgroup_no_ack, go(WORK.replace("XAck", "XLook")), 'c.XAck(ctx, "s1", "g", message.ID)'),
    "a constant": (hardcoded_stream, go(ADD), 'const S1Stream = "s1"'),
    "dead letters": (no_dead_letter, go(WORK), "pending[0].RetryCount < 3"),
    "a blocking read": (polling_read, go(WORK.replace("Block: time.Second", "Block: -1")), "Block: 5 * time.Second"),
    "a batch": (count_one, go(WORK.replace("Count: 10", "Count: 1")), "Count: 50"),
    "an id in a map": (no_correlation_id, go(f"{MAP}\n{TRACED}"), 'interface{}{"correlation_id": correlationID, "a": 1}'),
    "another attempt": (producer_no_retry, go(CLIENT + ADD), 'err := c.XAdd(ctx, &redis.XAddArgs{Stream: "s1", Values: v}).Err()'),
    "an error that is handed on": (silent_catch, go(ADD), 'if err := c.XAdd(ctx, &redis.XAddArgs{Stream: "s1", Values: v}).Err(); err != nil'),
    "BUSYGROUP alone": (silent_catch, go(GROUP), '"g", "0").Err(); err != nil && !strings.Contains(err.Error(), "BUSYGROUP")'),
    "a group": (xread_no_group, go(PLAIN), 'c.XReadGroup(ctx, &redis.XReadGroupArgs{\n\tGroup: "workers"'),
}  # fmt: skip


@pytest.mark.parametrize(("rule", "files", "words"), AFTER.values(), ids=AFTER.keys())
def test_the_proposal_is_written_for_go_redis(
    rule: CodeDetector, files: Files, words: str, tmp_path: Path
) -> None:
    (symptom,) = symptoms(rule, files, tmp_path)
    assert words in (symptom.snippet_after or "")


def test_a_struct_over_several_lines_gets_its_cap_on_one_of_its_own(tmp_path: Path) -> None:
    code = 'func add() {\n\tc.XAdd(ctx, &redis.XAddArgs{\n\t\tStream: "s1",\n\t\tValues: v,\n\t})\n}'
    (symptom,) = symptoms(xadd_no_maxlen, go(code), tmp_path)
    assert "XAddArgs{\n\tMaxLen: 10000, Approx: true,\n\tStream" in (symptom.snippet_after or "")
