"""Signals that a service is ready besides its output: a port, an HTTP answer, a consumer group."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable
from contextlib import closing
from urllib.parse import urlsplit

from orchestrator.config.model import ServiceEntry
from tools.errors import SourceUnavailable
from tools.sources.redis import replies
from tools.sources.redis.readonly import ReadOnlyClient

_CONNECT_S = 0.25
_HTTP_S = 1.0
_SERVER_ERROR = 500
_STATUS_LINE_MAX = 4096


def is_ready(entry: ServiceEntry, connect: Callable[[], ReadOnlyClient]) -> bool:
    """Whether every signal that the entry names is there; False where it names none."""
    signals: list[bool] = []
    if entry.port is not None:
        signals.append(port_open(entry.port))
    if entry.ready_http is not None and all(signals):
        signals.append(http_answers(entry.ready_http))
    if entry.ready_stream is not None and entry.ready_group is not None and all(signals):
        signals.append(has_group(connect, entry.ready_stream, entry.ready_group))
    return bool(signals) and all(signals)


def port_open(port: int) -> bool:
    """Whether something accepts connections on this port of loopback."""
    for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        try:
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                probe.settimeout(_CONNECT_S)
                probe.connect((host, port))
        except OSError:
            continue
        return True
    return False


def http_answers(url: str) -> bool:
    """Whether a GET is answered with a status below 500 within a second. The url was checked to be on this machine."""
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    host, port = parts.hostname or "", parts.port or (443 if secure else 80)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    request = f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    # The whole exchange has one bound: a server that sends a byte now and then would hold off any other.
    ends = time.monotonic() + _HTTP_S
    try:
        with socket.create_connection((host, port), _HTTP_S) as plain, _secured(plain, secure) as connection:
            connection.sendall(request.encode("ascii"))
            answer = b""
            while b"\n" not in answer and len(answer) < _STATUS_LINE_MAX:
                connection.settimeout(max(0.001, ends - time.monotonic()))
                part = connection.recv(1024)
                if not part:
                    break
                answer += part
        return 0 < int(answer.split(None, 2)[1]) < _SERVER_ERROR
    except (OSError, ValueError, IndexError):
        return False


def _secured(plain: socket.socket, secure: bool) -> socket.socket:
    if not secure:
        return plain
    # The certificate of a development server is its own, and nothing secret is sent.
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(plain)


def has_group(connect: Callable[[], ReadOnlyClient], stream: str, group: str) -> bool:
    """Whether the stream has the consumer group now."""
    try:
        with closing(connect()) as client:
            found = replies.groups(client.call("XINFO", "GROUPS", stream))
    except SourceUnavailable:
        return False
    return group.encode() in {name for name, _ in found}
