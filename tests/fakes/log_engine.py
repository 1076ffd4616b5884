"""Stands in for `docker` and `kubectl` where they are not there: prints what the real ones print for `logs`.

`program(folder, name, store)` puts it on a PATH; its texts are those of Docker 28 and kubectl 1.32.
"""

from __future__ import annotations

import os
import sys
import time
from datetime import datetime
from pathlib import Path

from tests.fakes.log_store import Record, Store, stamp

ROOT = Path(__file__).resolve().parents[2]
_SCRIPT = """\
#!{python} -S
import sys
sys.path.insert(0, {root!r})
from tests.fakes.log_engine import main
sys.exit(main({name!r}, {store!r}, sys.argv[1:]))
"""


def program(folder: Path, name: str, store: Path) -> None:
    """Write the program `name` into a folder for PATH; it prints the logs of a store."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(
        _SCRIPT.format(python=sys.executable, root=str(ROOT), name=name, store=str(store)), encoding="utf-8"
    )
    path.chmod(0o755)


def main(name: str, folder: str, arguments: list[str]) -> int:
    """`docker logs …` or `kubectl logs …`."""
    options = dict(option.partition("=")[::2] for option in arguments if option.startswith("--"))
    assert arguments[0] == "logs"
    assert arguments[-2] == "--"
    assert "--timestamps" in options
    store = Store(Path(folder), arguments[-1])
    if not store.exists:
        return _unknown(name, arguments[-1])
    since = options.get("--since") or options.get("--since-time")
    since_ns = 0 if since is None else _ns(since)
    if name == "kubectl":
        since_ns -= since_ns % 1_000_000_000  # its client sends whole seconds
    tail = int(options["--tail"]) if "--tail" in options else None
    fresh = True
    for record in store.follow(since_ns, tail, follow="--follow" in options):
        if record is None:
            time.sleep(0.01)
        else:
            _print(name, record, fresh=fresh)
            fresh = record.data.endswith(b"\n")
    return 0


def _print(name: str, record: Record, *, fresh: bool) -> None:
    # Docker stamps every chunk of a line, a node only its beginning.
    head = f"{stamp(record.ns, trimmed=name == 'kubectl')} ".encode()
    stream = 2 if record.stream == "stderr" and name == "docker" else 1
    data = record.data if name == "kubectl" and not fresh else head + record.data
    while data:
        data = data[os.write(stream, data) :]


def _unknown(name: str, source: str) -> int:
    if name == "docker":
        text = f"Error response from daemon: No such container: {source}"
    else:
        text = f'error: error from server (NotFound): pods "{source}" not found in namespace "default"'
    sys.stderr.write(text + "\n")
    return 1


def _ns(text: str) -> int:
    seconds, _, fraction = text.removesuffix("Z").partition(".")
    moment = datetime.fromisoformat(seconds + "+00:00")
    return int(moment.timestamp()) * 1_000_000_000 + int(fraction.ljust(9, "0") or "0")
