"""A repository of TypeScript as large projects are: services, packages, and few files that touch a stream."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SEED = 11
_SERVICES = 20
_WORDS = (
    "order", "price", "customer", "invoice", "basket", "shipment", "refund", "stock", "region", "session", "report",
    "filter", "layout", "button", "dialog", "schema", "query", "result", "payload", "handler", "service", "client",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Shape:
    """How many files, and which share of them reads the environment, prints or catches."""

    files: int = 7_000
    environment: float = 0.04
    prints: float = 0.06
    catches: float = 0.15
    functions: int = 7

    def __str__(self) -> str:
        return f"{self.files:,} TypeScript files, {_SERVICES} services"


def write(root: Path, shape: Shape) -> None:
    """Write the repository; the same for the same shape."""
    chance = random.Random(SEED)
    for path, text in _bus():
        _put(root / path, text)
    for number in range(_SERVICES):
        for path, text in _service(number):
            _put(root / path, text)
    for number in range(shape.files):
        home = f"apps/service{number % _SERVICES}" if number % 3 else f"packages/lib{number % 40}"
        _put(root / home / "src" / f"part{number // 250}" / f"file{number}.ts", _plain(number, shape, chance))


def _put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _bus() -> Iterator[tuple[str, str]]:
    names = "\n".join(f"  S{number}: 'shop:stream{number}'," for number in range(_SERVICES))
    yield "packages/bus/package.json", '{"name": "@shop/bus", "main": "src/index.ts"}'
    yield "packages/bus/src/index.ts", "export * from './streams';\nexport * from './bus';\n"
    yield "packages/bus/src/streams.ts", f"export const STREAMS = {{\n{names}\n}} as const;\n"
    yield (
        "packages/bus/src/bus.ts",
        (
            "import Redis from 'ioredis';\nconst redis = new Redis(process.env.REDIS_URL ?? '');\n"
            "export async function publishTo(stream: string, event: Record<string, string>) {\n"
            "  return redis.xadd(stream, 'MAXLEN', '~', 10000, '*', ...Object.entries(event).flat());\n}\n"
            "export async function readGroupOf(stream: string, group: string, name: string) {\n"
            "  return redis.xreadgroup('GROUP', group, name, 'COUNT', 50, 'BLOCK', 5000, 'STREAMS', stream, '>');\n}\n"
            "export async function acknowledge(stream: string, group: string, id: string) {\n"
            "  return redis.xack(stream, group, id);\n}\n"
        ),
    )


def _service(number: int) -> Iterator[tuple[str, str]]:
    home, following = f"apps/service{number}", (number + 1) % _SERVICES
    yield f"{home}/package.json", f'{{"name": "@shop/service{number}"}}'
    yield (
        f"{home}/src/producer.ts",
        (
            f"import {{ STREAMS, publishTo }} from '@shop/bus';\nexport async function announce{number}(id: string) {{\n"
            f"  await publishTo(STREAMS.S{number}, {{ id, kind: 'made' }});\n}}\n"
        ),
    )
    yield (
        f"{home}/src/consumer.ts",
        (
            "import { STREAMS, acknowledge, readGroupOf } from '@shop/bus';\n"
            f"import {{ handle{number} }} from './handler';\n"
            f"const GROUP = 'service{number}';\nexport async function consume() {{\n  while (true) {{\n"
            f"    const entries = await readGroupOf(STREAMS.S{following}, GROUP, 'one');\n"
            f"    for (const entry of entries ?? []) {{\n      await handle{number}(entry);\n"
            f"      await acknowledge(STREAMS.S{following}, GROUP, entry[0]);\n    }}\n  }}\n}}\n"
        ),
    )
    yield (
        f"{home}/src/handler.ts",
        f"export async function handle{number}(entry: unknown) {{\n  if (attempts(entry) > MAX_ATTEMPTS) return;\n}}\n",
    )


def _plain(number: int, shape: Shape, chance: random.Random) -> str:
    """A file that has nothing to do with streams."""
    lines = [f"import {{ make{number // 2} }} from './file{number // 2}';"]
    if chance.random() < shape.environment:
        lines.append(f"const limit = process.env.LIMIT_{number % 50} ?? '10';")
    for place in range(shape.functions):
        one, two = chance.choice(_WORDS), chance.choice(_WORDS)
        lines += [
            f"export function make{number if place == 0 else f'{number}_{place}'}({one}: string, {two}: Options): Result {{",
            f"  const {two}Count = Object.entries({one}Map).filter(([key]) => key !== '{two}').length;",
            f"  if ({two}Count > {place} && {one}.includes(`{one}-${{{two}Count}}`)) {{",
            f"    return {{ {one}, total: {two}Count * {place + 1}, name: '{one}:{two}' }};",
            "  }",
        ]
        if chance.random() < shape.catches / shape.functions:
            lines.append(f"  try {{ check({one}); }} catch (error) {{ report(error); }}")
        if chance.random() < shape.prints / shape.functions:
            lines.append(f"  console.log('{one}', {two}Count);")
        lines += [f"  return build{place}({one}, {{ ...{two}, count: {two}Count }});", "}", ""]
    return "\n".join(lines) + "\n"
