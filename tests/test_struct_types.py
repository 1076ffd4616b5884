"""Records are learned before threads decode them; msgspec alone ends the process where two do so at once."""

from __future__ import annotations

import subprocess
import sys

from tests.e2e.audits import ROOT, environment
from tools.sources.session_facts import SessionFacts
from tools.struct_types import prepare

PROGRAM = """
import sys, threading, types
import msgspec
from tools.struct_types import prepare

FIELDS = "".join(f"    field_{i}: int | None = None\\n" for i in range(30))
TEXT = f'''from __future__ import annotations
import msgspec
class Inner(msgspec.Struct):
{FIELDS}
class Outer(msgspec.Struct):
    inner: Inner
'''
sys.setswitchinterval(1e-6)
for number in range(60):
    made = types.ModuleType(f"made_{number}")
    sys.modules[made.__name__] = made
    exec(TEXT, made.__dict__)
    prepare()
    barrier = threading.Barrier(4)
    def decode():
        barrier.wait()
        msgspec.json.decode(b'{"inner":{"field_29":1}}', type=made.Outer)
    threads = [threading.Thread(target=decode) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
"""


def test_threads_decode_the_same_record_at_once() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=environment() | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_every_record_is_learned() -> None:
    assert prepare() > len(SessionFacts.__struct_fields__)
