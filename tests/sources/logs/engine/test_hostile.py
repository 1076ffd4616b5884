"""Whatever bytes a service writes, and wherever reading stops, blocks give what lines one by one give."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests import secret_samples
from tests.sources.logs.engine.blocks import AT_MS, block_of
from tests.sources.logs.engine.test_fold import NASTY, SERVICE, Engine, Reference, seen
from tools import masking
from tools.sources.logs.blocks import Block
from tools.sources.logs.engine.batch import Batch, Origin
from tools.sources.logs.engine.budgets import RATES, Rate, Work
from tools.sources.logs.engine.fallback import Buffers
from tools.sources.logs.engine.patterns import PATTERNS
from tools.sources.logs.engine.scanning import Scanner
from tools.sources.logs.follow import Follower

SOURCE = "logs/orders.log"
BYTES = (
    b"\r\n", b"\n", b"\r", b"\x00", b"\x1b[31m", b"\x1b[", b"\x1b]0;x\x07", b"\x7f", b"\xff\xfe", b"\xc3", b"\xc2\x85", b"\xe2\x82", b"\xf0\x9f\x92\xa9",
    b"error", b"ERR", b"fatal: ", b"0 ", b"{", b"}", b'"', b"\\", b'{"level":50,"msg":"', b'{"level":', b"\\u0065rror", b"\\u0000", b"retry attempt 1",
    b"Traceback (most recent call last):\n", b'  File "a.py", line 1, in f\n', b"ValueError: x\n", b"    at f (/srv/a.js:1:2)\n", b"Error: lost\n",
    b"-----BEGIN PRIVATE KEY-----", b"-----END PRIVATE KEY-----", b"MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7\n", b"password=", b"hunter2!Zq99",
    b"1750000000123-0", b"-", b"1750000000123", b"2025-06-15 15:06:41,000 ", b"2025-06-15T15:06:41Z ", b" ", b"\t", b"a" * 300, b"[masked:jwt:0123456789ab]",
)  # fmt: skip


@pytest.fixture(params=["hyperscan", "re2"], scope="module")
def scan(request: pytest.FixtureRequest) -> Scanner:
    if request.param == "re2":
        return Buffers(PATTERNS)
    pytest.importorskip("hyperscan")
    from tools.sources.logs.engine.database import Hyperscan

    return Hyperscan(PATTERNS)


@pytest.fixture(autouse=True)
def _with_room(monkeypatch: pytest.MonkeyPatch) -> None:
    for work in Work:
        monkeypatch.setitem(RATES, work, Rate(1e6, 1e6))


def written(chance: random.Random) -> bytes:
    """Fragments that mean something, broken by bytes that mean nothing."""
    parts: list[bytes] = []
    for _ in range(chance.randrange(20, 120)):
        drawn = chance.random()
        if drawn < 0.6:
            parts.append(chance.choice(BYTES))
        elif drawn < 0.7:
            parts.append(chance.randbytes(chance.randrange(1, 40)))
        elif drawn < 0.8:
            parts.append(chance.choice(secret_samples.SAMPLES).text.encode())
        else:
            parts.append(chance.choice(NASTY).encode("latin-1") + chance.choice((b"\n", b"\r\n", b"")))
    return b"".join(parts)


def blocks_of(path: Path, chance: random.Random, *, most: int, rotate: bool = False) -> Iterator[Block]:
    """What a follower gives while the file grows by pieces that end anywhere; rotated between two of them."""
    path.touch()
    follower = Follower(path)
    text, clock = written(chance), 0.0
    while text:
        size = chance.randrange(1, most)
        piece, text = text[:size], text[size:]
        with path.open("ab") as file:
            file.write(piece)
        if rotate and chance.random() < 0.1:
            path.rename(path.with_name(f"{path.name}.{len(text)}"))
            path.touch()
        clock += 0.25
        for block in follower.blocks(clock, final=not text):
            yield replace(block, data=memoryview(bytes(block.data)))
    follower.close()


def same(blocks: list[Block], scan: Scanner, *, captured: bool) -> None:
    reference, engine = Reference(), Engine(scan)
    origin = Origin(SERVICE, SOURCE, captured)
    maskers = masking.LineMasker(), masking.LineMasker()
    for turn, block in enumerate(blocks):
        reference.take(Batch(origin, block, maskers[0], AT_MS + 250 * turn))
        engine.take(Batch(origin, block, maskers[1], AT_MS + 250 * turn))
        if turn % 3 == 0:
            assert seen(engine.window) == seen(reference.window)
            reference.window.clear()
            engine.window.clear()
    for window in (reference.window, engine.window):
        for item in window.settle(AT_MS, final=True):
            window.take(item)
    assert seen(engine.window) == seen(reference.window)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("rotate", [False, True], ids=["kept", "rotated"])
def test_bytes_of_all_kinds_give_the_same_as_one_by_one(
    seed: int, rotate: bool, scan: Scanner, tmp_path: Path
) -> None:
    chance = random.Random(seed)
    blocks = list(
        blocks_of(tmp_path / f"{seed}.log", chance, most=chance.choice((7, 60, 2000)), rotate=rotate)
    )
    same(blocks, scan, captured=seed % 2 == 1)


@pytest.mark.parametrize(
    "above",
    [
        pytest.param(b"pk_1_JMTA950ORT3TPINV0IZLSYFDX26W0948[]DEBUG", id="a secret hides the level"),
        pytest.param(b"2025-06-15 15:06:41,000 DEBUG " + b"x" * 3000 + b" failed", id="a long record"),
    ],
)
def test_what_stands_above_a_trace_is_read_as_one_by_one(above: bytes, scan: Scanner) -> None:
    same([block_of(above + b"\nError\n at f\n")], scan, captured=True)


def test_a_message_id_before_the_end_of_a_key_is_read_as_one_by_one(scan: Scanner) -> None:
    text = b"-----BEGIN PRIVATE KEY\n1750000000123-0-----END -----error\n"
    same([block_of(text)], scan, captured=True)


def test_a_line_of_a_gigabyte_gives_the_same_as_one_by_one(scan: Scanner, tmp_path: Path) -> None:
    path = tmp_path / "orders.log"
    with path.open("wb") as file:
        file.write(b"Error: first\nerror: ")
        file.seek(1 << 30)
        file.write(b"\npassword=hunter2!Zq99 error\nlast")
    follower = Follower(path)
    blocks = [
        replace(block, data=memoryview(bytes(block.data)))
        for block in follower.blocks(0.0, 2 << 30, final=True)
    ]
    follower.close()
    same(blocks, scan, captured=False)
    assert sum(bytes(block.data).count(b"\n") for block in blocks) == 4
    assert max(len(block.data) for block in blocks) < 2 << 20
