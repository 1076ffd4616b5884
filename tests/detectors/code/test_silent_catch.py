"""Swallowed errors: on the path of messages, around group creation, elsewhere; and what only looks like one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.detectors.code.cases import Files, js, py, symptoms, ts
from tools.detectors.code import silent_catch
from tools.findings.model import Priority

P2, P3 = Priority.P2_MEDIUM, Priority.P3_LOW
ADD = 'r.xadd("s", {"a": 1})'
READ = 'r.xreadgroup("g", "c", {"s": ">"}, block=1000)'
CREATE = 'r.xgroup_create("s", "g", mkstream=True)'
FIRES = {
    "a write": (py(f"try:\n    {ADD}\nexcept Exception:\n    pass"), P2),
    "a write, bare": (py(f"try:\n    {ADD}\nexcept:\n    pass"), P2),
    "a write, every error of Redis": (py(f"try:\n    {ADD}\nexcept redis.RedisError:\n    pass  # ignore"), P2),
    "a write, suppressed": (py(f"with contextlib.suppress(Exception):\n    {ADD}"), P2),
    "a read": (py(f"while True:\n    try:\n        {READ}\n    except Exception:\n        continue"), P2),
    "the handling": (
        py(
            f"while True:\n    for m in {READ}:\n        try:\n            handle(m)\n        except Exception:\n            pass"
        ),
        P2,
    ),
    "a write through a helper": (
        py("def add(s):\n    r.xadd(s, {})\ntry:\n    add('s')\nexcept Exception:\n    pass"),
        P2,
    ),
    "a group": (py(f"try:\n    {CREATE}\nexcept redis.ResponseError:\n    pass  # group already exists"), P3),
    "a group, as if every error were one": (
        py(f'try:\n    {CREATE}\nexcept Exception:\n    logger.info("group already exists")'),
        P3,
    ),
    "a group, tested and the rest let go": (
        py(f'try:\n    {CREATE}\nexcept redis.ResponseError as e:\n    if "BUSYGROUP" in str(e):\n        print("exists")'),
        P3,
    ),
    "ioredis, a group, tested and the rest let go": (
        ts("try { await redis.xgroup('CREATE', 's', 'g', '0'); } catch (e) { if (e.message.includes('BUSYGROUP')) { return; } }"),
        P3,
    ),
    "a read, after which it waits a moment": (
        py(f"while True:\n    try:\n        {READ}\n    except Exception:\n        time.sleep(1)\n        continue"),
        P2,
    ),
    "ioredis, a read, after which it waits a moment": (
        ts(
            "while (true) { try { await redis.xread('BLOCK', 0, 'STREAMS', 's', id); }"
            " catch { await new Promise((r) => setTimeout(r, 1000)); } }"
        ),
        P2,
    ),
    "the handling of what was claimed": (
        py(
            'while True:\n    for m in r.xautoclaim("s", "g", "c", 60000):\n        try:\n            handle(m)\n'
            "        except Exception:\n            pass"
        ),
        P2,
    ),
    "elsewhere": (py(f"{ADD}\ntry:\n    warm()\nexcept Exception:\n    pass"), P3),
    "ioredis": (ts("try { await redis.xadd('s', '*', 'a', 1); } catch (e) { }"), P2),
    "ioredis, a promise": (ts("redis.xadd('s', '*', 'a', 1).catch(() => {});"), P2),
    "ioredis, a group": (
        ts("try { await redis.xgroup('CREATE', 's', 'g', '0'); } catch (e) { /* exists */ }"),
        P3,
    ),
    "ioredis, the handling": (
        ts(
            "while (true) {\n  const rows = await redis.xread('BLOCK', 0, 'STREAMS', 's', last);\n"
            "  try {\n    await handle(rows);\n  } catch {\n  }\n}"
        ),
        P2,
    ),
    "node-redis": (js("try { await client.xAck('s', 'g', id); } catch { }"), P2),
    "node-redis, a group": (
        js("await client.xGroupCreate('s', 'g', '0').catch(() => console.log('group exists'));"),
        P3,
    ),
}  # fmt: skip
STAYS_SILENT = {
    "a group, and the rest raised": py(
        f'try:\n    {CREATE}\nexcept redis.ResponseError as e:\n    if "BUSYGROUP" not in str(e):\n        raise'
    ),
    "a group, and the rest told": py(
        f'try:\n    {CREATE}\nexcept redis.ResponseError as e:\n    if "BUSYGROUP" not in str(e):\n        log.error("no")'
    ),
    "a write, whose error is looked at": py(
        f'try:\n    {ADD}\nexcept redis.ResponseError as e:\n    if "OOM" in str(e):\n        shed()'
    ),
    "told": py(f'try:\n    {ADD}\nexcept Exception as error:\n    logger.error("no: %s", error)'),
    "told with its traceback": py(f'try:\n    {ADD}\nexcept Exception:\n    logger.exception("no")'),
    "told without the error": py(f'try:\n    {ADD}\nexcept Exception:\n    logger.warning("not published")'),
    "raised": py(f"try:\n    {ADD}\nexcept Exception:\n    raise Failed from None"),
    "counted": py(f"try:\n    {ADD}\nexcept Exception:\n    failures += 1"),
    "given back": py(f"def f():\n    try:\n        {ADD}\n    except Exception:\n        return False"),
    "handled": py(f"try:\n    {ADD}\nexcept Exception:\n    spool(event)"),
    "narrow": py(f"try:\n    {ADD}\nexcept asyncio.CancelledError:\n    pass"),
    "with a reason": py(f"try:\n    {ADD}\nexcept Exception:\n    pass  # figures only, the next second has new ones"),
    "BUSYGROUP tested": py(
        f'try:\n    {CREATE}\nexcept redis.ResponseError as e:\n    if "BUSYGROUP" not in str(e):\n        raise'
    ),
    "a group, told": py(f'try:\n    {CREATE}\nexcept Exception:\n    logger.exception("no group")'),
    "a group, with its traceback": py(
        f'try:\n    {CREATE}\nexcept Exception:\n    logger.warning("no group", exc_info=True)'
    ),
    "closing": py(f"{ADD}\ntry:\n    r.close()\nexcept Exception:\n    pass"),
    "housekeeping": py('try:\n    r.xtrim("s", maxlen=10)\nexcept Exception:\n    pass'),
    "an optional import": py(f"{ADD}\ntry:\n    import uvloop\nexcept Exception:\n    pass"),
    "JSON or not": py(
        f"while True:\n    for m in {READ}:\n        try:\n            m = json.loads(m)\n        except Exception:\n            pass"
    ),
    "elsewhere, suppressed": py(f"{ADD}\nwith suppress(Exception):\n    warm()"),
    "elsewhere, a promise": ts("redis.xadd('s', '*', 'a', 1);\nwarm().catch(() => undefined);"),
    "a file without streams": {**py(ADD), "services/a/warm.py": "try:\n    warm()\nexcept Exception:\n    pass"},
    "a service without streams": py("try:\n    warm()\nexcept Exception:\n    pass"),
    "a script": {"scripts/x.py": f"try:\n    {ADD}\nexcept Exception:\n    pass"},
    "a test": {"services/a/tests/x.py": f"try:\n    {ADD}\nexcept Exception:\n    pass"},
    "silenced": py(
        f"try:\n    {ADD}\nexcept Exception:  # streamgauge-ignore code.silent-catch best effort\n    pass"
    ),
    "ioredis, BUSYGROUP": ts(
        "try { await redis.xgroup('CREATE', 's', 'g', '0'); } "
        "catch (e) { if (!String(e).includes('BUSYGROUP')) throw e; }"
    ),
    "ioredis, told": ts("try { await redis.xadd('s', '*', 'a', 1); } catch (e) { log.error(e); }"),
    "ioredis, told by a function": ts("redis.xadd('s', '*', 'a', 1).catch(onError);"),
    "ioredis, the end of the loop": ts(
        "while (true) { try { await redis.xread('BLOCK', 0, 'STREAMS', 's', last); } catch { break; } }"
    ),
    "ioredis, a value instead": ts("const n = await redis.xadd('s', '*', 'a', 1).catch(() => 'not written');"),
    "node-redis, closing": js("client.xAdd('s', '*', { a: '1' });\nawait client.quit().catch(() => {});"),
    "node-redis, with a reason": js(
        "try { await client.xAck('s', 'g', id); } catch { /* it is delivered again and then acknowledged */ }"
    ),
    "a file that may be missing": js(
        "client.xAdd('s', '*', { a: '1' });\ntry { fs.unlinkSync(path); } catch {}"
    ),
    "a declaration": {"services/a/x.d.ts": "try { redis.xadd('s', '*', 'a', 1); } catch {}"},
}  # fmt: skip


@pytest.mark.parametrize(("files", "priority"), FIRES.values(), ids=FIRES.keys())
def test_a_swallowed_error_is_told(files: Files, priority: Priority, tmp_path: Path) -> None:
    (symptom,) = symptoms(silent_catch, files, tmp_path)
    assert (symptom.priority, symptom.services) == (priority, ("a",))


@pytest.mark.parametrize("files", STAYS_SILENT.values(), ids=STAYS_SILENT.keys())
def test_an_error_that_is_dealt_with_is_not(files: Files, tmp_path: Path) -> None:
    assert symptoms(silent_catch, files, tmp_path) == []


def test_the_other_handlers_of_a_service_are_one_finding(tmp_path: Path) -> None:
    code = ADD + "\ntry:\n    warm()\nexcept Exception:\n    pass" * 2
    (symptom,) = symptoms(silent_catch, py(code), tmp_path)
    assert symptom.files == ("services/a/app.py:4", "services/a/app.py:8")


AFTER = {
    "redis-py, a group": (
        py(f"try:\n    {CREATE}\nexcept redis.ResponseError:\n    pass"),
        'except ResponseError as error:\n    if "BUSYGROUP" not in str(error):\n        raise',
    ),
    "redis-py": (
        py(f"try:\n    {ADD}\nexcept Exception:\n    pass"),
        'except Exception:\n    logger.exception("could not handle it")\n    raise',
    ),
    "ioredis, a group": (
        ts("try {\n  await redis.xgroup('CREATE', 's', 'g', '0');\n} catch (e) {\n}"),
        "} catch (error) {\n  if (!error.message.includes('BUSYGROUP')) {\n    throw error;\n  }\n}",
    ),
    "a promise": (ts("redis.xadd('s', '*', 'a', 1).catch(() => {});"), None),
}


@pytest.mark.parametrize(("files", "after"), AFTER.values(), ids=AFTER.keys())
def test_the_proposal_tells_the_error(files: Files, after: str | None, tmp_path: Path) -> None:
    (symptom,) = symptoms(silent_catch, files, tmp_path)
    assert symptom.snippet_after == after
