"""Before and after, made from the user's own lines in the style of their client library."""

from __future__ import annotations

import re2

from tools.detectors.code import go_snippets
from tools.sources.records import CodeUse, Handler

_RECEIVER = re2.compile(r"((?:await\s+)?[\w.$]+(?:\(\))?)\??\.[xX][rR]ead[gG]roup")
_CAMEL = re2.compile(r"\.x[A-Z]")
_CAP_MAX = 10_000
_CAP = {
    "redis-py": "maxlen=10_000, approximate=True",
    "node-redis": "{ TRIM: { strategy: 'MAXLEN', strategyModifier: '~', threshold: 10000 } }",
}


def text_of(use: CodeUse) -> str:
    """The source of the Redis call of a use."""
    return use.call or use.text


def dialect(use: CodeUse) -> str:
    """The client library that a call is written for: redis-py, go-redis, node-redis, ioredis or raw."""
    if use.language == "go":
        return "go-redis"
    if use.language == "python":
        return "raw" if "execute_command" in text_of(use) else "redis-py"
    return "node-redis" if _CAMEL.search(text_of(use)) else "ioredis"


def capped(text: str, use: CodeUse) -> str | None:
    """The text of an XADD with a cap; None where its arguments cannot be told apart."""
    span = _arguments(text, "xadd")
    style = dialect(use)
    if style == "go-redis":
        return go_snippets.capped(text)
    if span is None:
        return None
    start, end = span
    if style in _CAP:
        inside = text[start:end].rstrip()
        gap = text[start + len(inside) : end]
        comma = "" if inside.endswith(",") else ","
        space = "\n" + _indent_of(inside) if "\n" in inside else " "
        return f"{text[:start]}{inside}{comma}{space}{_CAP[style]}{gap}{text[end:]}"
    first = _first_argument_end(text, start, end)
    if style == "raw" or first is None:
        return None
    return f"{text[:first]}, 'MAXLEN', '~', {_CAP_MAX}{text[first:]}"


def acknowledged(use: CodeUse) -> str:
    """A loop over what was read that acknowledges each entry once it is handled."""
    stream = use.stream.value if use.stream is not None else None
    group = use.group.value if use.group is not None else None
    if use.language == "go":
        return go_snippets.acknowledged(text_of(use), stream, group)
    found = _RECEIVER.search(text_of(use))
    receiver = (found.group(1) if found is not None else "client").removeprefix("await ").strip()
    waits = "await " if "await" in text_of(use) else ""
    if use.language == "python":
        return (
            "for _, entries in replies or []:\n    for message_id, event in entries:\n        handle(event)\n"
            f'        {waits}{receiver}.xack("{stream}", "{group}", message_id)'
        )
    method = "xAck" if dialect(use) == "node-redis" else "xack"
    return (
        "for (const { id, message } of entries) {\n  await handle(message);\n"
        f"  await {receiver}.{method}('{stream}', '{group}', id);\n}}"
    )


def dead_lettered(use: CodeUse) -> str:
    """A loop over what was read that parks an entry after its third failure."""
    stream, group = (name.value if name is not None else None for name in (use.stream, use.group))
    if use.language == "go":
        return go_snippets.dead_lettered(text_of(use), stream, group)
    found = _RECEIVER.search(text_of(use))
    receiver = (found.group(1) if found is not None else "client").removeprefix("await ").strip()
    waits = "await " if "await" in text_of(use) else ""
    if use.language == "python":
        return _PYTHON_DEAD.format(stream=stream, group=group, client=receiver, waits=waits)
    node_redis = dialect(use) == "node-redis"
    return _SCRIPT_DEAD.format(
        stream=stream,
        client=receiver,
        pending="xPendingRange" if node_redis else "xpending",
        count="pending?.deliveriesCounter" if node_redis else "pending?.[3]",
        add="xAdd" if node_redis else "xadd",
        fields=(
            "{ ...message, sourceId: id }"
            if node_redis
            else "...Object.entries(message).flat(), 'sourceId', id"
        ),
        ack="xAck" if node_redis else "xack",
        key=f"'{stream}', '{group}'",
    )


_PYTHON_DEAD = """\
for _, entries in replies or []:
    for message_id, event in entries:
        try:
            handle(event)
        except Exception:
            pending = {waits}{client}.xpending_range("{stream}", "{group}", message_id, message_id, 1)
            if not pending or pending[0]["times_delivered"] < 3:
                continue
            {waits}{client}.xadd("{stream}.dead", {{**event, "source_id": message_id}}, maxlen=10_000)
        {waits}{client}.xack("{stream}", "{group}", message_id)"""
_SCRIPT_DEAD = """\
for (const {{ id, message }} of entries) {{
  try {{
    await handle(message);
  }} catch (error) {{
    const [pending] = await {client}.{pending}({key}, id, id, 1);
    if (!({count} >= 3)) continue;
    await {client}.{add}('{stream}.dead', '*', {fields});
  }}
  await {client}.{ack}({key}, id);
}}"""


def _arguments(text: str, name: str) -> tuple[int, int] | None:
    """Where the arguments of the first call of `name` begin and end."""
    at = text.lower().find(name)
    start = text.find("(", at) + 1 if at >= 0 else 0
    if not start:
        return None
    for position, char, depth in _outside_strings(text, start):
        if depth == 0 and char == ")":
            return start, position
    return None


def _first_argument_end(text: str, start: int, end: int) -> int | None:
    for position, char, depth in _outside_strings(text, start):
        if position >= end:
            return None
        if depth == 1 and char == ",":
            return position
    return None


def _outside_strings(text: str, start: int) -> list[tuple[int, str, int]]:
    """Position, character and bracket depth of everything outside string literals; depth 1 is the call itself."""
    found: list[tuple[int, str, int]] = []
    depth, quote, skip = 1, "", False
    for position in range(start, len(text)):
        char = text[position]
        if skip:
            skip = False
        elif quote:
            skip, quote = char == "\\", "" if char == quote else quote
        elif char in "\"'`":
            quote = char
        else:
            depth += (char in "([{") - (char in ")]}")
            found.append((position, char, depth))
            if depth == 0:
                break
    return found


def _indent_of(text: str) -> str:
    last = text.rpartition("\n")[2]
    return last[: len(last) - len(last.lstrip())]


_KEYS_CALL = re2.compile(r"(?:await\s+)?([\w.$()]+?)\.(?:keys|KEYS)\(([^()]*)\)")
_DECLARED = re2.compile(r"(?:const|let|var)\s+(\w+)\s*=")


def scanned(text: str, use: CodeUse) -> str | None:
    """The text of a KEYS as a walk with SCAN; None where the call is written in another way."""
    found = _KEYS_CALL.search(text)
    if found is None:
        return None
    receiver, pattern = found.group(1), found.group(2).strip()
    if use.language == "python":
        walk = f"{receiver}.scan_iter(match={pattern.removeprefix('pattern=')}, count=500)"
        new = f"[key async for key in {walk}]" if "await" in found.group(0) else f"list({walk})"
        return text.replace(found.group(0), new, 1)
    walks = {
        "ioredis": f"{receiver}.scanStream({{ match: {pattern}, count: 500 }})",
        "node-redis": f"{receiver}.scanIterator({{ MATCH: {pattern}, COUNT: 500 }})",
    }
    walk = walks.get(use.around.library, "")
    target = _DECLARED.search(text)
    name = target.group(1) if target is not None else "keys"
    start = f"let {name} = [];\nfor await (const found of {walk}) {{\n  {name} = {name}.concat(found);\n}}"
    return start if walk else None


_COUNT_ONE = re2.compile(r"(?i)(count['\"]?\s*[=:,]\s*)(['\"]?)1\b(['\"]?)")
_BLOCK = re2.compile(r"(?i)(block['\"]?\s*[=:,]\s*)(['\"]?)\d+\b(['\"]?)")
_STREAMS_WORD = re2.compile(r"""(['"]STREAMS['"])""")


def counted(text: str) -> str | None:
    """The text of a read of one entry with a batch; None where the number stands elsewhere."""
    after = _COUNT_ONE.sub(r"\g<1>\g<2>50\g<3>", text, 1)
    return after if after != text else None


def blocking(text: str, use: CodeUse) -> str | None:
    """The text of a read with BLOCK; None where its arguments cannot be told apart."""
    return go_snippets.blocking(text) if use.language == "go" else _blocking(text, use)


def _blocking(text: str, use: CodeUse) -> str | None:
    after = _BLOCK.sub(r"\g<1>\g<2>5000\g<3>", text, 1)
    if after != text:
        return after
    if dialect(use) == "ioredis":
        after = _STREAMS_WORD.sub(r"'BLOCK', 5000, \g<1>", text, 1)
        return after if after != text else None
    span = _arguments(text, "xreadgroup") or _arguments(text, "xread")
    if span is None or dialect(use) == "raw":
        return None
    start, end = span
    inside = text[start:end].rstrip()
    gap = text[start + len(inside) : end]
    comma = "" if inside.endswith(",") else ","
    space = "\n" + _indent_of(inside) if "\n" in inside else " "
    if dialect(use) == "redis-py":
        return f"{text[:start]}{inside}{comma}{space}block=5000{gap}{text[end:]}"
    at = text.rfind("{ COUNT", start, end)
    if at >= 0:
        return f"{text[:at]}{{ BLOCK: 5000, {text[at + 2 :]}"
    return f"{text[:start]}{inside}{comma}{space}{{ BLOCK: 5000 }}{gap}{text[end:]}"


def quoted(use: CodeUse, name: str) -> str | None:
    """A name as it stands in the text of a call, quotes included; None where it does not."""
    return next((form for quote in "\"'`" if (form := f"{quote}{name}{quote}") in text_of(use)), None)


def named(text: str, use: CodeUse, name: str) -> str | None:
    """The text of a call with a constant in place of a literal, and the constant."""
    form = quoted(use, name)
    words = "".join(char if char.isascii() and char.isalnum() else " " for char in name).split()
    if form is None or not words:
        return None
    constant = "_".join(words).upper() + ("" if words[-1].lower() in {"stream", "events"} else "_STREAM")
    constant = constant if not constant[0].isdigit() else f"STREAM_{constant}"
    if use.language == "go":
        constant = "".join(word.capitalize() for word in constant.lower().split("_"))
        return f"const {constant} = {form}\n\n{text.replace(form, constant)}"
    declared = f"{constant} = {form}" if use.language == "python" else f"const {constant} = {form};"
    return f"{declared}\n\n{text.replace(form, constant)}"


def outdented(text: str) -> str:
    """A text without the indentation of its last line, which that of a clause is not."""
    lines = text.split("\n")
    indent = len(lines[0]) - len(lines[0].lstrip())
    return "\n".join(line[min(indent, len(line) - len(line.lstrip())) :] for line in lines)


def told(use: CodeUse, handler: Handler, *, of_group: bool) -> str | None:
    """A handler that tells its error, or lets only BUSYGROUP pass; None for forms that cannot be rewritten."""
    if use.language == "go":
        return go_snippets.told(use.text, of_group=of_group)
    if handler.form != "block":
        return None
    if use.language == "python":
        types = ", ".join(handler.catches) or "Exception"
        caught = f"({types})" if len(handler.catches) > 1 else types
        if of_group:
            return f'except {caught} as error:\n    if "BUSYGROUP" not in str(error):\n        raise'
        return f'except {caught}:\n    logger.exception("could not handle it")\n    raise'
    if of_group:
        return "} catch (error) {\n  if (!error.message.includes('BUSYGROUP')) {\n    throw error;\n  }\n}"
    return "} catch (error) {\n  logger.error({ err: error }, 'could not handle it');\n  throw error;\n}"


def correlated(text: str, use: CodeUse) -> str | None:
    """The text of an XADD with a correlation id in its payload; None where the payload stands elsewhere."""
    span = _arguments(text, "xadd")
    style = dialect(use)
    if style == "go-redis":
        return go_snippets.correlated(text)
    if span is None:
        return None
    start, end = span
    if style == "ioredis":
        at = re2.compile(r"""(['"]\*['"]),""").search(text[start:end])
        return (
            None
            if at is None
            else f"{text[: start + at.end()]} 'correlationId', correlationId,{text[start + at.end() :]}"
        )
    brace = text.find("{", start, end)
    if brace < 0 or style == "raw":
        return None
    field = '"correlation_id": correlation_id' if style == "redis-py" else "correlationId"
    rest = text[brace + 1 :]
    gap = "" if rest.startswith("\n") else " " if style == "node-redis" else ""
    comma = "" if rest.lstrip().startswith("}") else ","
    space = " " if comma and not rest[0].isspace() else ""
    return f"{text[: brace + 1]}{gap}{field}{comma}{space}{rest}"


_READ_CALL = re2.compile(r"((?:await\s+)?[\w.$]+(?:\(\))?)\??\.[xX][rR]ead\(")


def grouped(use: CodeUse, stream: str) -> str | None:
    """A read of the group `workers` and its acknowledgement; None where the call is written in another way."""
    if use.language == "go":
        return go_snippets.grouped(text_of(use), stream)
    found = _READ_CALL.search(text_of(use))
    if found is None:
        return None
    client = found.group(1).removeprefix("await ").strip()
    if use.language == "python":
        waits = "await " if "await" in found.group(1) else ""
        return (
            f'replies = {waits}{client}.xreadgroup("workers", consumer, {{"{stream}": ">"}}, count=50, block=5000)\n'
            f"for _, entries in replies or []:\n    for message_id, event in entries:\n        handle(event)\n"
            f'        {waits}{client}.xack("{stream}", "workers", message_id)'
        )
    if dialect(use) == "node-redis":
        read = f"{client}.xReadGroup('workers', consumer, {{ key: '{stream}', id: '>' }}, {{ COUNT: 50, BLOCK: 5000 }})"
        ack = f"{client}.xAck('{stream}', 'workers', id)"
    else:
        read = f"{client}.xreadgroup(\n  'GROUP', 'workers', consumer, 'COUNT', 50, 'BLOCK', 5000, 'STREAMS', '{stream}', '>',\n)"
        ack = f"{client}.xack('{stream}', 'workers', id)"
    return f"const replies = await {read};\n// once an entry is handled:\nawait {ack};"


def retried(text: str, use: CodeUse) -> str | None:
    """A write that is tried five times with a growing pause; None where the call is written in another way."""
    if use.language == "go":
        return go_snippets.retried(text)
    if use.language == "python":
        pause = "await asyncio.sleep" if "await" in text else "time.sleep"
        body = text.replace("\n", "\n        ")
        return (
            f"for attempt in range(5):\n    try:\n        {body}\n        break\n"
            f"    except (redis.ConnectionError, redis.TimeoutError):\n        if attempt == 4:\n            raise\n"
            f"        {pause}(0.1 * 2**attempt)"
        )
    body = text.replace("\n", "\n    ")
    return (
        f"for (let attempt = 0; ; attempt += 1) {{\n  try {{\n    {body}\n    break;\n  }} catch (error) {{\n"
        "    if (attempt === 4) throw error;\n"
        "    await new Promise((done) => setTimeout(done, 100 * 2 ** attempt));\n  }\n}"
    )
