"""Ports in compose files and Dockerfiles: what is published on the host, what a container exposes."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import re2
import yaml

from tools.sources.interpolation import filled
from tools.sources.project_yaml import merged, scalar, sequence_of

PORTS_MAX = 200
"""Of one range; a longer one is cut."""

_EXPOSED = re2.compile(r"(\d{1,5})(?:-(\d{1,5}))?(?:/(tcp|udp|sctp))?")
_DOCKER_EXPOSE = re2.compile(r"(?i)\s*EXPOSE\s+(.+)")
_PROTOCOLS = {"tcp", "udp", "sctp"}


@dataclass(frozen=True, slots=True)
class Published:
    """One port of a container. `host_port` is 0 where the host's is any free one; `host` is "" for all addresses."""

    host: str
    host_port: int
    target: int
    protocol: str


def of_compose(node: yaml.Node, environment: Mapping[str, str]) -> tuple[Published, ...]:
    """One item of `ports`, short or long. () where its variables have no value, or it is malformed."""
    long_form = merged(node)
    if not long_form:
        text = filled(scalar(node) or "", environment)
        return () if text is None else _short(text.strip())
    values = {
        name: filled(scalar(long_form[name]) or "", environment) if name in long_form else ""
        for name in ("host_ip", "published", "target", "protocol")
    }
    host, published, target, protocol = values.values()
    if host is None or published is None or target is None or protocol is None:
        return ()
    return _pairs(host.strip("[]"), published, target, protocol.lower() or "tcp")


def _short(text: str) -> tuple[Published, ...]:
    """`[HOST:][PUBLISHED:]TARGET[/PROTOCOL]`, read from the right: an address may hold colons."""
    ends, _, protocol = text.partition("/")
    before, _, target = ends.rpartition(":")
    host, _, published = before.rpartition(":")
    return _pairs(host.strip("[]"), published, target, protocol.lower() or "tcp")


def _pairs(host: str, published: str, target: str, protocol: str) -> tuple[Published, ...]:
    """Ranges of one length are paired; of another, the server picks one of them, which is no fixed port."""
    inside, outside = _ports(target), _ports(published)
    malformed = (published and not outside) or (host and not _is_address(host))
    if not inside or malformed or protocol not in _PROTOCOLS:
        return ()
    if not outside or len(outside) != len(inside):
        return tuple(Published(host, 0, port, protocol) for port in inside)
    return tuple(
        Published(host, outer, inner, protocol) for outer, inner in zip(outside, inside, strict=True)
    )


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def exposed(text: str) -> tuple[tuple[int, str], ...]:
    """One item of `expose` or EXPOSE: port and protocol of each; () where it is none."""
    found = _EXPOSED.fullmatch(text.strip().strip("\"'").lower())
    if found is None:
        return ()
    span = found.group(1) + (f"-{found.group(2)}" if found.group(2) else "")
    return tuple((port, found.group(3) or "tcp") for port in _ports(span))


def exposed_by_compose(
    node: yaml.Node | None, environment: Mapping[str, str]
) -> Iterator[tuple[yaml.Node, int, str]]:
    """The items of `expose`, each with its node."""
    for item in sequence_of(node):
        for port, protocol in exposed(filled(scalar(item) or "", environment) or ""):
            yield item, port, protocol


def exposed_by_dockerfile(lines: list[str], environment: Mapping[str, str]) -> Iterator[tuple[int, int, str]]:
    """Line number, port and protocol of every EXPOSE. `environment` is what ENV and ARG of the file give."""
    for number, line in enumerate(lines, 1):
        found = _DOCKER_EXPOSE.fullmatch(line.split(" #")[0])
        for word in found.group(1).split() if found is not None else ():
            for port, protocol in exposed(filled(word, environment) or ""):
                yield number, port, protocol


def _ports(text: str) -> list[int]:
    first, _, last = text.partition("-")
    if not (first.isascii() and first.isdecimal()) or (last and not (last.isascii() and last.isdecimal())):
        return []
    if len(first) > 5 or len(last) > 5:
        return []
    low, high = int(first), int(last or first)
    if not 0 < low <= high < 65536:
        return []
    return list(range(low, min(high, low + PORTS_MAX - 1) + 1))
