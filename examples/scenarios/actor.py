"""One service of a scenario: does what its script says, on a real server, and logs like a service does.

    python actor.py SCRIPT.json

The script is JSON: `name`, `run` (what lies for a run: pid files and marks), `format` (text, json or logfmt),
`ready` (the line that says so), `skew` (seconds by
which its clock is wrong), `restart` (seconds until it is started again after it ended, or null), `command`
(a program of the audited project in place of steps) and `steps`. The steps of a service run side by side, each
from `at` to `until` (seconds after the start of its process), in the runs of the process that `runs` names (1 is
the first one; all of them without it). A step with a `mark` writes down when it began. `REDIS_URL` says where the
server is. Standard library and redis-py only.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import redis

STOP = threading.Event()
LOOK_S = 0.2
KILL_AFTER_S = 5.0
Step = dict[str, Any]


class Refused(Exception):
    """An entry that the scenario lets fail."""


class Log:
    """Lines on standard output in the format of the service."""

    def __init__(self, name: str, style: str, skew: float) -> None:
        self.name, self.style, self.skew = name, style, skew
        self.muted = threading.Event()
        self._lock = threading.Lock()

    def say(self, text: str, level: str = "INFO", shift: float = 0.0) -> None:
        now = datetime.now().astimezone() + timedelta(seconds=self.skew + shift)
        if self.style == "json":
            line = json.dumps(
                {
                    "time": now.isoformat(timespec="milliseconds"),
                    "level": level,
                    "service": self.name,
                    "msg": text,
                }
            )
        elif self.style == "logfmt":
            line = (
                f"time={now.isoformat(timespec='milliseconds')} level={level.lower()} msg={json.dumps(text)}"
            )
        else:
            line = f"{now:%Y-%m-%d %H:%M:%S},{now.microsecond // 1000:03d} {level:<5} {self.name}: {text}"
        self.raw(line)

    def raw(self, text: str) -> None:
        if self.muted.is_set():
            return
        with self._lock:
            sys.stdout.write(f"{text}\n")
            sys.stdout.flush()


class Actor:
    """The process of one run of a service."""

    def __init__(self, script: dict[str, Any], number: int) -> None:
        self.name: str = script["name"]
        self.script, self.number = script, number
        self.log = Log(self.name, script["format"], script["skew"])
        self.started = time.monotonic()
        self.kept: list[bytearray] = []

    def client(self) -> redis.Redis:
        url = os.environ["REDIS_URL"]
        return redis.Redis.from_url(url, decode_responses=True, client_name=self.name, protocol=2)

    def run(self) -> int:
        if self.script["ready"]:
            self.log.say(self.script["ready"])
        threads = [
            threading.Thread(target=self.play, args=(step,), daemon=True)
            for step in self.script["steps"]
            if not step.get("runs") or self.number in step["runs"]
        ]
        for thread in threads:
            thread.start()
        while not STOP.wait(LOOK_S):
            pass
        for thread in threads:
            thread.join(0.5)
        return 0

    def play(self, step: Step) -> None:
        """One step, from its time on. What fails is logged and tried again, as a service does."""
        if not self.pause(step.get("at", 0.0) - (time.monotonic() - self.started)):
            return
        if step.get("mark"):
            place = Path(self.script["run"]) / "marks.jsonl"
            with place.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"mark": step["mark"], "at_ms": time.time_ns() // 1_000_000}) + "\n")
        act: Callable[[Step], None] = getattr(self, f"do_{step['do']}")
        while not self.over(step):
            try:
                act(step)
            except redis.RedisError as error:
                if STOP.is_set():
                    return
                self.log.say(f"redis refused: {error}", "ERROR")
                self.pause(1.0)
            else:
                return

    def over(self, step: Step) -> bool:
        until = step.get("until")
        return STOP.is_set() or (until is not None and time.monotonic() - self.started >= until)

    def pause(self, seconds: float) -> bool:
        """Wait; False once the service is to stop."""
        return not STOP.wait(max(0.0, seconds))

    def beats(self, step: Step) -> Iterator[int]:
        """0, 1, 2 … at the step's `rate` a second (or every `every` seconds), `count` times at most."""
        gap = step["every"] if step.get("every") else 1.0 / step.get("rate", 1.0)
        due, number = time.monotonic(), 0
        while not self.over(step) and (step.get("count") is None or number < step["count"]):
            yield number
            number += 1
            due += gap
            self.pause(due - time.monotonic())

    # Messages

    def do_produce(self, step: Step) -> None:
        client = self.client()
        shapes = step.get("shapes") or [step.get("fields") or {"orderId": "{id}", "at": "{now}"}]
        for number in self.beats(step):
            for _ in range(step.get("burst", 1)):
                known = {
                    "n": str(number),
                    "id": uuid.uuid4().hex[:12],
                    "now": str(time.time_ns() // 1_000_000),
                }
                fields = {key: text.format(**known) for key, text in shapes[number % len(shapes)].items()}
                entry = client.xadd(step["stream"], fields, maxlen=step.get("maxlen"), approximate=False)
                if step.get("say"):
                    self.log.say(step["say"].format(entry=entry, **known), step.get("level", "INFO"))

    def do_consume(self, step: Step) -> None:
        names = [f"{step.get('consumer') or self.name}-{n}" for n in range(1, step.get("consumers", 1) + 1)]
        client = self.client()
        try:
            client.xgroup_create(step["stream"], step["group"], id=step.get("from", "0"), mkstream=True)
        except redis.ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise
        readers = [
            threading.Thread(target=self.reading, args=(step, name), daemon=True) for name in names[1:]
        ]
        for reader in readers:
            reader.start()
        self.reading(step, names[0])

    def reading(self, step: Step, name: str) -> None:
        client = self.client()
        block = step.get("block", 1.0)
        handled = 0
        while not self.over(step):
            if step.get("fresh_names"):
                name = f"{self.name}-{uuid.uuid4().hex[:8]}"
            answer = client.xreadgroup(
                step["group"],
                name,
                {step["stream"]: ">"},
                count=step.get("take", 10),
                block=round(block * 1000) if block else None,
            )
            for entry, fields in answer[0][1] if answer else []:
                handled += 1
                self.handle(client, step, name, (handled, entry, fields))
                if STOP.is_set():
                    return
            if step.get("reclaim"):
                self.claim(client, step, name)
            if not block:
                self.pause(step.get("gap", 0.02))
            if step.get("rest") and answer:
                self.pause(step["rest"])

    def claim(self, client: redis.Redis, step: Step, name: str) -> None:
        idle = round(step["reclaim"] * 1000)
        _, entries, *_ = client.xautoclaim(step["stream"], step["group"], name, idle, count=10)
        for entry, fields in entries:
            self.handle(client, step, name, (0, entry, fields))

    def handle(
        self, client: redis.Redis, step: Step, name: str, got: tuple[int, str, dict[str, str]]
    ) -> None:
        number, entry, fields = got
        self.pause(step.get("work", 0.0))
        known = {"entry": entry, "n": str(number)}
        try:
            if step.get("fails_on") and step["fails_on"] in fields.values():
                raise Refused(step.get("fail", "cannot handle {entry}").format(**known))
            if step.get("fail_every") and number and number % step["fail_every"] == 0:
                raise Refused(step.get("fail", "cannot handle {entry}").format(**known))
        except Refused as error:
            self.log.say(
                f"{error}" + (f"\n{traceback.format_exc().rstrip()}" if step.get("trace") else ""), "ERROR"
            )
            if step.get("dead_letter"):
                client.xadd(
                    step["dead_letter"], {**fields, "reason": str(error)}, maxlen=1000, approximate=False
                )
                client.xack(step["stream"], step["group"], entry)
            return
        if step.get("say"):
            self.log.say(step["say"].format(**known), step.get("level", "INFO"))
        if step.get("forward"):
            client.xadd(step["forward"], fields, maxlen=step.get("maxlen", 1000), approximate=False)
        late = step.get("ack_until") is not None and time.monotonic() - self.started > step["ack_until"]
        if step.get("ack", True) and not late:
            client.xack(step["stream"], step["group"], entry)

    def do_command(self, step: Step) -> None:
        client = self.client()
        for _ in self.beats({"count": 1, **step}):
            client.execute_command(*step["args"])

    # Lines

    def do_say(self, step: Step) -> None:
        texts = step["lines"]
        for number in self.beats({"count": None if step.get("rate") or step.get("every") else 1, **step}):
            known = {"n": number, "id": uuid.uuid4().hex[:12], "now": time.time_ns() // 1_000_000}
            for text in texts if step.get("whole") else [texts[number % len(texts)]]:
                for name, value in known.items():
                    text = text.replace("{" + name + "}", str(value))
                if step.get("raw"):
                    self.log.raw(text)
                else:
                    self.log.say(text, step.get("level", "INFO"), step.get("shift", 0.0))

    def do_mute(self, step: Step) -> None:
        self.log.muted.set()
        while not self.over(step):
            self.pause(LOOK_S)
        self.log.muted.clear()

    # What happens to the process

    def do_exit(self, step: Step) -> None:
        os._exit(step.get("code", 0))

    def do_crash(self, step: Step) -> None:
        words = [sys.executable, str(Path(__file__).with_name("uncaught.py")), step.get("text", "missing")]
        self.log.raw(subprocess.run(words, capture_output=True, text=True, check=False).stderr.rstrip())
        os._exit(1)

    def do_freeze(self, step: Step) -> None:
        os.kill(os.getpid(), signal.SIGSTOP)

    def do_grow(self, step: Step) -> None:
        for _ in self.beats(step):
            self.kept.append(bytearray(os.urandom(1024)) * (1024 * step.get("mb", 1)))

    def do_dial(self, step: Step) -> None:
        """Connect to the host and port in a variable, again and again, as a client does."""
        for _ in self.beats(step):
            host, _, port = os.environ.get(step["variable"], "127.0.0.1:1").rpartition(":")
            try:
                socket.create_connection((host, int(port)), 1).close()
            except ConnectionRefusedError:
                self.log.say(f"connect ECONNREFUSED {host}:{port} ({step['variable']})", "ERROR")
            except OSError as error:
                self.log.say(f"connect to {host}:{port} ({step['variable']}) failed: {error}", "ERROR")


def attend(script: dict[str, Any], path: str) -> int:
    """Start the service, again where it says so, and note its process."""
    pid_file = Path(script["run"]) / "pids" / f"{script['name']}.pid"
    pid_file.parent.mkdir(parents=True, exist_ok=True)
    number, code = 0, 0
    while not STOP.is_set():
        number += 1
        command = script.get("command") or [sys.executable, __file__, path, str(number)]
        folder = script["project"] if script.get("command") else None
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, cwd=folder)
        pid_file.write_text(f"{child.pid}\n", encoding="ascii")
        while child.poll() is None and not STOP.wait(LOOK_S):
            pass
        if child.poll() is None:
            child.send_signal(signal.SIGTERM)
            try:
                child.wait(KILL_AFTER_S)
            except subprocess.TimeoutExpired:
                child.send_signal(signal.SIGKILL)
        code = child.wait()
        if script["restart"] is None or STOP.wait(script["restart"]):
            break
    if script["restart"] is None and not STOP.is_set() and script.get("outlive", True):
        # The service is gone; who started it is still there, as a process manager is.
        STOP.wait()
    return 0 if STOP.is_set() else code


def main() -> int:
    """Attend to the service, or with a number be one run of it."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: STOP.set())
    path = sys.argv[1]
    script = json.loads(Path(path).read_text(encoding="utf-8"))
    if len(sys.argv) > 2:
        return Actor(script, int(sys.argv[2])).run()
    return attend(script, path)


if __name__ == "__main__":
    sys.exit(main())
