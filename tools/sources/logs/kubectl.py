"""`kubectl logs`: a pod, or one pod of a deployment and the like, with every line's time as the node got it.

Names are `[namespace/][kind/]name[/container]`: `orders-7d9f`, `shop/orders-7d9f/app`, `deployment/orders`,
`shop/deployment/orders`. Context and credentials are kubectl's own (KUBECONFIG). Tried with kubectl 1.32 against a
stand-in of the API server; untried against a real cluster. A node keeps rotated logs, but gives only the newest file:
what was rotated away while nobody read is missing, and said to be.
"""

from __future__ import annotations

import os
from typing import NamedTuple

import re2

from tools.sources.logs.command import Start
from tools.sources.logs.feed import CommandCheckpoint, Note, Piece
from tools.sources.logs.stamps import RECORD_BYTES_MAX, Entry, StampPlace, text_of

_PART = re2.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
_KINDS = frozenset(
    {
        "pod", "po", "deployment", "deploy", "statefulset", "sts", "daemonset", "ds", "replicaset", "rs", "job",
        "service", "svc",
    }
)  # fmt: skip
_REMEDIES = (
    ("Forbidden", "Allow the user to get pods and pods/log in that namespace."),
    ("Unauthorized", "Renew kubectl's credentials."),
    ("must be logged in", "Renew kubectl's credentials."),
    ("is not valid for pod", "Name a container of the pod: namespace/pod/container."),
    ("a container name must be specified", "Name a container of the pod: namespace/pod/container."),
    ("waiting to start", "See why the container does not start: `kubectl describe pod`."),
    ("ot found", "Give namespace/pod as `kubectl get pods -A` prints it, or deployment/name."),
    ("refused", "Point KUBECONFIG at the cluster; `kubectl cluster-info` tells whether it answers."),
    (
        "Unable to connect",
        "Point KUBECONFIG at the cluster; `kubectl cluster-info` tells whether it answers.",
    ),
)


class Target(NamedTuple):
    """What a name stands for; `kind` is None for a pod."""

    namespace: str | None
    kind: str | None
    name: str
    container: str | None


class KubectlLogs:
    """Reads one pod's log; a dialect of `command`."""

    program = "kubectl"
    merged = False
    record_bytes_max = RECORD_BYTES_MAX
    silent = ""

    def __init__(self, name: str, checkpoint: CommandCheckpoint) -> None:
        self._target = target_of(name)
        self._place = StampPlace(checkpoint.stamp)
        self.notes: list[Note] = self._place.notes

    @property
    def again(self) -> bool:
        """Never: it gives all that it is asked for."""
        return False

    def arguments(self, start: Start) -> list[str]:
        """`logs` and its options; called before each start."""
        self._place.connect(tail=start.lines is not None)
        options = ["--follow"] if start.lines is None else [f"--tail={start.lines}"]
        since_ns = self._place.since_ns
        if since_ns is None and start.since_ms is not None:
            since_ns = start.since_ms * 1_000_000
        if start.lines is None and since_ns is not None:
            options.append(f"--since-time={text_of(since_ns)}")
        target = self._target
        if target.namespace is not None:
            options.append(f"--namespace={target.namespace}")
        if target.container is not None:
            options.append(f"--container={target.container}")
        name = target.name if target.kind is None else f"{target.kind}/{target.name}"
        # Else it would write what it discovers into the user's home.
        return ["logs", "--timestamps", f"--cache-dir={os.devnull}", *options, "--", name]

    def read(self, piece: Piece, *, complete: bool) -> list[Entry] | None:
        """The line, where it is new; None where the node speaks of itself."""
        return self._place.read(piece, complete=complete)

    def remark(self, words: str) -> Note | None:
        """That there are more pods or containers than the one that is read."""
        if words.startswith("Found ") and " using " in words:
            return Note("the other pods", words, "Name each pod as a source of its own.")
        if words.startswith("Defaulted container "):
            return Note("the other containers", words, "Name each as a source of its own: pod/container.")
        return None

    def remedy(self, words: str) -> str:
        """What to do about kubectl's last message."""
        found = (fix for needle, fix in _REMEDIES if needle in words)
        return next(found, "Try `kubectl logs` by hand.")

    def save(self, checkpoint: CommandCheckpoint) -> CommandCheckpoint:
        """The checkpoint with the newest time and what was counted of it."""
        checkpoint.stamp = self._place.mark()
        return checkpoint


def target_of(name: str) -> Target:
    """What a name stands for. Raises ValueError where it is none."""
    parts = name.split("/")
    namespace = kind = container = None
    if len(parts) > 1 and parts[0] not in _KINDS:
        namespace = parts.pop(0)
    if len(parts) > 1 and parts[0] in _KINDS:
        kind = parts.pop(0)
    if len(parts) > 1:
        container = parts.pop()
    if len(parts) != 1 or not all(_PART.fullmatch(part) for part in name.split("/")):
        raise ValueError("it is no pod's name ([namespace/][kind/]name[/container])")
    return Target(namespace, kind, parts[0], container)


def problem(name: str) -> str | None:
    """Why a name cannot be a pod's; None where it can."""
    try:
        target_of(name)
    except ValueError as error:
        return str(error)
    return None


def service(name: str) -> str:
    """The service that a source named `*` stands for."""
    target = target_of(name)
    return target.container or target.name
