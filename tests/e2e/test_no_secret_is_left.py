"""A managed session among secrets everywhere: no file, at no moment, holds one of them, nor does what is printed."""

from __future__ import annotations

import gzip
import re
import shlex
import subprocess
import sys
import zlib
from contextlib import suppress
from pathlib import Path

import pytest

from tests.conftest import free_port
from tests.e2e.audits import BOUND_S, command, environment
from tests.secret_samples import HEX, WORD, jwt, of, pem
from tools.workspace import Workspace

pytestmark = pytest.mark.fleet

SECRETS = {
    "stream": "gh" + "p_" + of(WORD, 36),
    "group": "sk" + "_live_" + of(WORD, 24),
    "consumer": "np" + "m_" + of(WORD, 36),
    "correlation": "xox" + "b-" + of(WORD, 40),
    "field": "dop" + "_v1_" + of(HEX, 64),
    "argument": of(WORD, 20),
    "variable": of(WORD, 22),
    "source": "AK" + "IA" + "QWERTYUIOPASDF23",
    "compose": of(WORD, 18),
    "printed-json": of(WORD, 16),
    "printed-url": of(WORD, 17),
    "printed-encoded": of(WORD, 19),
    "printed-jwt": jwt({"alg": "HS256"}, {"sub": "42", "exp": 1750000000}),
    "printed-trace": of(WORD, 21),
    "printed-header": of(WORD, 40),
}
KEY = pem()
SERVICE = """\
import json, os, signal, sys, threading, urllib.parse

import redis

KEY = "{source}"
over = threading.Event()
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, lambda *_: over.set())
server = redis.Redis.from_url(os.environ["REDIS_URL"])
secrets = json.load(open(os.environ["SECRETS_FILE"]))
stream = "orders:" + secrets["stream"]
print(f"{{sys.argv[1]}} is ready on port {{os.environ['PORT']}}", flush=True)
server.xgroup_create(stream, secrets["group"], id="0", mkstream=True)
step = 0
while not over.wait(0.2):
    step += 1
    server.xadd(stream, {{"correlationId": secrets["correlation"], secrets["field"]: "x"}}, maxlen=100)
    server.xadd("plain", {{"correlation_id": "c-1", "token": secrets["printed-header"]}}, maxlen=100)
    server.xreadgroup(secrets["group"], secrets["consumer"], {{stream: ">"}}, count=1)
    print(json.dumps({{"level": 50, "msg": "failed", "password": secrets["printed-json"], "step": step}}), flush=True)
    print("connecting to postgres://app:" + secrets["printed-url"] + "@db/orders", flush=True)
    print("POST /login body=" + urllib.parse.quote("user=ann&password=" + secrets["printed-encoded"]), flush=True)
    print("Authorization: Bearer " + secrets["printed-header"], flush=True)
    print("ERROR token " + secrets["printed-jwt"] + " was refused", flush=True)
    print(secrets["key"], flush=True)
    try:
        raise ValueError("cannot log in with password=" + secrets["printed-trace"])
    except ValueError:
        import traceback

        traceback.print_exc(file=sys.stdout)
"""


def project(folder: Path, port: int) -> Path:
    import json

    shop, outside = folder / "shop", folder / "outside.json"
    shop.mkdir()
    outside.write_text(json.dumps(SECRETS | {"key": KEY}), encoding="utf-8")
    (shop / "service.py").write_text(SERVICE.format(source=SECRETS["source"]), encoding="utf-8")
    run = f"{shlex.quote(sys.executable)} service.py"
    (shop / "Procfile").write_text(
        f"web: {run} web\nworker: {run} worker --api-key={SECRETS['argument']}\n", encoding="utf-8"
    )
    (shop / ".env").write_text(
        f"REDIS_URL=redis://127.0.0.1:{port}/0\nDB_PASSWORD={SECRETS['variable']}\nSECRETS_FILE={outside}\n",
        encoding="utf-8",
    )
    (shop / "docker-compose.yml").write_text(
        f"services:\n  db:\n    image: postgres\n    environment:\n      POSTGRES_PASSWORD: {SECRETS['compose']}\n",
        encoding="utf-8",
    )
    (shop / "README.md").write_text(f"Set `API_KEY={SECRETS['argument']}` first.\n", encoding="utf-8")
    return shop


def leaks(root: Path, *, spools: bool) -> set[tuple[str, str]]:
    """Which file below a folder holds which secret; `spools` says whether raw output counts."""
    needles = {name: secret[:24].encode() for name, secret in SECRETS.items() if name != "printed-jwt"}
    needles["printed-jwt"] = SECRETS["printed-jwt"].rpartition(".")[2].encode()
    needles |= {f"key-{number}": line.encode() for number, line in enumerate(KEY.splitlines()[1:-1])}
    found = set()
    for path in root.rglob("*"):
        if not path.is_file() or (path.suffix == ".raw" and not spools):
            continue
        with suppress(FileNotFoundError):
            raw = path.read_bytes()
            if path.suffix == ".gz":
                raw += _unpacked(raw)
            found |= {
                (str(path.relative_to(root)), name) for name, needle in needles.items() if needle in raw
            }
    return found


def _unpacked(raw: bytes) -> bytes:
    with suppress(OSError, EOFError, zlib.error):
        return gzip.decompress(raw)
    return b""


def test_no_file_and_no_output_of_a_session_holds_a_secret(tmp_path: Path) -> None:
    shop = project(tmp_path, free_port())
    before = leaks(tmp_path, spools=True)
    assert {name for _, name in before} >= SECRETS.keys()
    environ = {key: value for key, value in environment().items() if key != "REDIS_URL"} | {
        "HOME": str(tmp_path / "home")
    }
    workspace = tmp_path / "monitor-session"
    found: set[tuple[str, str]] = set()
    with (tmp_path / "output.txt").open("wb") as output:
        process = subprocess.Popen(
            command("run", "--duration", "8s", "--verbose", "--fail-on", "never", "--project", str(shop), "--workspace", str(workspace)),
            cwd=tmp_path, env=environ, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
        while process.poll() is None:
            found |= leaks(workspace, spools=False)
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.2)
    printed = (tmp_path / "output.txt").read_text(encoding="utf-8")
    assert process.wait(BOUND_S) == 0, printed
    assert found == set()
    assert leaks(tmp_path, spools=True) == before
    assert {
        secret for secret in (*SECRETS.values(), *KEY.splitlines()[1:-1]) if secret[:24] in printed
    } == set()
    for extra in (["findings"], ["findings", "--format", "json"], ["report"], ["verify"]):
        shown = subprocess.run(
            command(*extra, "--workspace", str(workspace)),
            cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=BOUND_S, check=False,
        )  # fmt: skip
        assert shown.returncode == 0, (extra, shown.stdout, shown.stderr)
        assert {secret for secret in SECRETS.values() if secret[:24] in shown.stdout + shown.stderr} == set()
    # What was masked is told, each kind once, with where the value lies.
    report = next(workspace.glob("REPORT_*.md")).read_text(encoding="utf-8")
    for kind in ("password", "url-credentials", "bearer-token", "jwt", "private-key"):
        assert re.search(rf"logs a secret in plain text: {kind}", report), kind
    assert "No file of this session holds the value" in report
    assert "[masked:jwt:HS256-exp1750000000:" in report
    assert not list(Workspace(workspace).path("recording", "keeper").glob("*.raw"))
    streams = Workspace(workspace).path("streams", "discovered_streams.txt").read_text(encoding="utf-8")
    polls = Workspace(workspace).path("streams", "polls.jsonl").read_text(encoding="utf-8")
    assert "orders:[masked:github-token:ghp_:" in streams + polls
    assert all(f"[masked:{kind}:" in polls for kind in ("stripe-key", "npm-token"))
