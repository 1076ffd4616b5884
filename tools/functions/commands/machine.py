"""What runs on this machine: processes (ps) and listening sockets (ss, else lsof)."""

from __future__ import annotations

from collections.abc import Iterator

import re2
from pydantic import Field

from tools.functions.commands.runner import Command, program_path, run
from tools.functions.contract import (
    CONFIG,
    LOGS,
    STREAMS,
    TEXT_MAX,
    Desk,
    Item,
    Page,
    PagedArguments,
    ToolFunction,
)

_PROCESSES, _SOCKETS = 60, 60
_PS = ("-e", "-ww", "-o", "pid=,ppid=,stat=,etime=,rss=,pcpu=,args=")
_SS = ("-H", "-l", "-n", "-t", "-p")
_LSOF = ("-n", "-P", "-w", "-iTCP", "-sTCP:LISTEN", "-Fpcn")
_PROCESS = re2.compile(r"^\s*(\d+)\s+(\d+)\s+(\S+)\s+(\S+)\s+(\d+)\s+(\S+)\s+(.*)$")
_HOLDER = re2.compile(r'\("((?:[^"\\]|\\.)*)",pid=(\d+),fd=\d+\)')
_LAST_PID = 2**31


class ProcessesArguments(PagedArguments):
    """Which processes."""

    text: str = Field(
        default="",
        max_length=TEXT_MAX,
        description="Whose command line, masked, holds this text; empty: all.",
    )
    pid: int = Field(default=0, ge=0, le=_LAST_PID, description="This process and its children; 0: all.")


class SocketsArguments(PagedArguments):
    """Which sockets."""

    port: int = Field(default=0, ge=0, le=65535, description="On this TCP port; 0: all.")


def processes(desk: Desk, arguments: ProcessesArguments) -> Page:
    """The processes, by pid."""
    output = run(desk, Command("ps", _PS))
    rows = sorted(_processes(output.lines), key=lambda row: row[0])
    found = [
        (pid, data)
        for pid, data in rows
        if arguments.text in str(data["commandLine"]) and arguments.pid in {0, pid, data["parent"]}
    ]
    rest = [(pid, data) for pid, data in found if pid > arguments.number()]
    size = arguments.size(_PROCESSES)
    items = tuple(Item(data, str(pid)) for pid, data in rest[:size])
    facts = {"processes": len(found), "cut": output.cut}
    return Page(items, facts, items[-1].cursor if len(rest) > size else None)


def _processes(lines: tuple[str, ...]) -> Iterator[tuple[int, dict[str, object]]]:
    for line in lines:
        match = _PROCESS.match(line.encode("utf-8", "replace").decode())
        if match is not None:
            pid, parent, state, age, rss, cpu, said = match.groups()
            yield (
                int(pid),
                {
                    "pid": int(pid),
                    "parent": int(parent),
                    "state": state,
                    "age": age,
                    "rssKb": int(rss),
                    "cpuPercent": cpu,
                    "commandLine": said,
                },
            )


def sockets(desk: Desk, arguments: SocketsArguments) -> Page:
    """Listening TCP sockets, by port and address."""
    program = "ss" if program_path(desk, "ss") is not None else "lsof"
    if program == "ss":
        output = run(desk, Command("ss", _SS))
        found = sorted(_of_ss(output.lines))
    else:
        output = run(desk, Command("lsof", _LSOF, install="Install ss (iproute2) or lsof."))
        found = sorted(_of_lsof(output.lines))
    rows = [row for row in found if arguments.port in {0, row[0]}]
    start, size = arguments.number(), arguments.size(_SOCKETS)
    items = tuple(
        Item({"port": port, "address": address, "processes": list(holders)}, str(start + number))
        for number, (port, address, holders) in enumerate(rows[start : start + size], start=1)
    )
    facts = {"sockets": len(rows), "program": program, "cut": output.cut}
    return Page(items, facts, items[-1].cursor if items and len(rows) > start + size else None)


_Socket = tuple[int, str, tuple[str, ...]]


def _of_ss(lines: tuple[str, ...]) -> Iterator[_Socket]:
    for line in lines:
        parts = line.split(None, 5)
        if len(parts) >= 5 and parts[0] == "LISTEN":
            address, _, port = parts[3].rpartition(":")
            said = "" if len(parts) < 6 else parts[5].encode("utf-8", "replace").decode()
            holders = {f"{match.group(1)} (pid {match.group(2)})" for match in _HOLDER.finditer(said)}
            if port.isdecimal():
                yield int(port), address, tuple(sorted(holders))


def _of_lsof(lines: tuple[str, ...]) -> Iterator[_Socket]:
    """Fields one a line: p a process, c its name, n an address; f a descriptor."""
    found: dict[tuple[int, str], set[str]] = {}
    pid = name = ""
    for line in lines:
        kind, value = line[:1], line[1:]
        if kind == "p":
            pid = value
        elif kind == "c":
            name = value
        elif kind == "n":
            address, _, port = value.rpartition(":")
            if port.isdecimal():
                found.setdefault((int(port), address), set()).add(f"{name} (pid {pid})")
    yield from ((port, address, tuple(sorted(holders))) for (port, address), holders in found.items())


FUNCTIONS: tuple[ToolFunction, ...] = (
    ToolFunction(
        "command_ps",
        "Processes of this machine (ps): pid, parent, state, age, memory, CPU, command line with secrets masked. Costs "
        "one ps. Not told: processes in other hosts or containers that hide them.",
        ProcessesArguments,
        frozenset({LOGS, STREAMS}),
        processes,
    ),
    ToolFunction(
        "command_listening",
        "TCP sockets that listen on this machine, with the processes that hold them where this user may see them (ss, "
        "else lsof). Costs one run. Not told: ports inside of containers that are not published.",
        SocketsArguments,
        frozenset({LOGS, CONFIG}),
        sockets,
    ),
)
