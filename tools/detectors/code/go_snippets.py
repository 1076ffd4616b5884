"""Proposals in the style of go-redis, made from the user's own lines."""

from __future__ import annotations

import re2

_STRUCT = re2.compile(r"(X(?:Add|ReadGroup|Read)Args\{)(\s*)")
_RECEIVER = re2.compile(r"([\w.]+)\.X(?:ReadGroup|Read|Add)\(\s*(\w*ctx\w*|[\w.]*[cC]ontext[\w.()]*)?")
_BLOCK = re2.compile(r"(\bBlock:\s*)[^,\n}]+")
_CALL = re2.compile(r"[\w.]+\.X(?:Add|GroupCreate(?:MkStream)?)\(")
_VALUES = re2.compile(
    r"(Values:\s*)(map\[string\](?:interface\{\}|any|string)|\[\](?:interface\{\}|any|string))(\{)(\s*)"
)
_CAP_MAX = 10_000


def with_field(text: str, field: str) -> str | None:
    """The text of a call with one more field in its argument struct; None where that stands elsewhere."""
    found = _STRUCT.search(text)
    if found is None:
        return None
    gap = found.group(2)
    behind = f",{gap}" if "\n" in gap else ", "
    return f"{text[: found.start()]}{found.group(1)}{gap}{field}{behind}{text[found.end() :]}"


def capped(text: str) -> str | None:
    """The text of an XADD with an approximate cap."""
    return with_field(text, f"MaxLen: {_CAP_MAX}, Approx: true")


def blocking(text: str) -> str | None:
    """The text of a read that waits five seconds in the server."""
    after = _BLOCK.sub(r"\g<1>5 * time.Second", text, 1)
    return after if after != text else with_field(text, "Block: 5 * time.Second")


def acknowledged(text: str, stream: str | None, group: str | None) -> str:
    """A loop over what was read that acknowledges each entry once it is handled."""
    client, context = _client(text)
    return (
        "for _, message := range replies[0].Messages {\n"
        "\tif err := handle(message); err != nil {\n\t\tcontinue\n\t}\n"
        f'\t{client}.XAck({context}"{stream}", "{group}", message.ID)\n}}'
    )


def dead_lettered(text: str, stream: str | None, group: str | None) -> str:
    """A loop over what was read that parks an entry after its third failure."""
    client, context = _client(text)
    return (
        "for _, message := range replies[0].Messages {\n"
        "\tif err := handle(message); err != nil {\n"
        f"\t\tpending, _ := {client}.XPendingExt({context}&redis.XPendingExtArgs{{\n"
        f'\t\t\tStream: "{stream}", Group: "{group}", Start: message.ID, End: message.ID, Count: 1,\n'
        "\t\t}).Result()\n"
        "\t\tif len(pending) == 0 || pending[0].RetryCount < 3 {\n\t\t\tcontinue\n\t\t}\n"
        f'\t\t{client}.XAdd({context}&redis.XAddArgs{{Stream: "{stream}.dead", MaxLen: {_CAP_MAX}, Values: message.Values}})\n'
        "\t}\n"
        f'\t{client}.XAck({context}"{stream}", "{group}", message.ID)\n}}'
    )


def grouped(text: str, stream: str) -> str | None:
    """A read of the group `workers` and its acknowledgement; None where the call is written in another way."""
    if _RECEIVER.search(text) is None:
        return None
    client, context = _client(text)
    return (
        f"replies, err := {client}.XReadGroup({context}&redis.XReadGroupArgs{{\n"
        f'\tGroup: "workers", Consumer: consumer, Streams: []string{{"{stream}", ">"}}, Count: 50, Block: 5 * time.Second,\n'
        "}).Result()\n// once an entry is handled:\n"
        f'{client}.XAck({context}"{stream}", "workers", message.ID)'
    )


def told(text: str, *, of_group: bool) -> str | None:
    """A stream command whose error is returned, or only BUSYGROUP let pass; None where there is no such call."""
    call = _call(text)
    if call is None:
        return None
    if of_group:
        test = 'err != nil && !strings.Contains(err.Error(), "BUSYGROUP")'
        return f"if err := {call}.Err(); {test} {{\n\treturn err\n}}"
    return f'if err := {call}.Err(); err != nil {{\n\treturn fmt.Errorf("add to the stream: %w", err)\n}}'


def retried(text: str) -> str | None:
    """An XADD that is tried five times with a growing pause; None where there is no such call."""
    call = _call(text)
    if call is None:
        return None
    body = call.replace("\n", "\n\t")
    return (
        f"for attempt := 0; ; attempt++ {{\n\terr := {body}.Err()\n\tif err == nil {{\n\t\tbreak\n\t}}\n"
        "\tif attempt == 4 {\n\t\treturn err\n\t}\n"
        "\ttime.Sleep(100 * time.Millisecond << attempt)\n}"
    )


def correlated(text: str) -> str | None:
    """The text of an XADD with a correlation id among its values; None where these stand elsewhere."""
    found = _VALUES.search(text)
    if found is None:
        return None
    is_map = found.group(2).startswith("map")
    gap = found.group(4)
    field = '"correlation_id": correlationID' if is_map else '"correlation_id", correlationID'
    rest = text[found.end() :]
    comma = "" if rest.startswith("}") and not gap else f",{gap}" if gap else ", "
    return f"{text[: found.start()]}{found.group(1)}{found.group(2)}{{{gap}{field}{comma}{rest}"


def _call(text: str) -> str | None:
    """The first stream command of a text, from its client to the bracket that ends it."""
    found = _CALL.search(text)
    if found is None:
        return None
    depth, quote = 1, ""
    for place in range(found.end(), len(text)):
        char = text[place]
        if quote:
            quote = "" if char == quote and text[place - 1] != "\\" else quote
        elif char in '"`':
            quote = char
        else:
            depth += (char in "([{") - (char in ")]}")
            if depth == 0:
                return text[found.start() : place + 1]
    return None


def _client(text: str) -> tuple[str, str]:
    """The client of a call, and its context as a first argument."""
    found = _RECEIVER.search(text)
    if found is None:
        return "client", "ctx, "
    context = found.group(2)
    return found.group(1), f"{context}, " if context else ""
