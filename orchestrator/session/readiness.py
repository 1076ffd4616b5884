"""Signals that a service is ready besides its output: a port, an HTTP answer, a consumer group."""

from __future__ import annotations

import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import closing

from orchestrator.config.model import ServiceEntry
from tools.errors import SourceUnavailable
from tools.sources.redis import replies
from tools.sources.redis.readonly import ReadOnlyClient

_CONNECT_S = 0.25
_HTTP_S = 1.0
_SERVER_ERROR = 500


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
    """Whether a GET is answered with a status below 500. The url was checked to be on this machine."""
    # The certificate of a development server is its own; nothing secret is sent, and no proxy is asked.
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context), _NoRedirect()
    )
    try:
        with opener.open(url, timeout=_HTTP_S) as answer:
            return int(answer.status) < _SERVER_ERROR
    except urllib.error.HTTPError as error:
        return error.code < _SERVER_ERROR
    except (OSError, ValueError):
        return False


def has_group(connect: Callable[[], ReadOnlyClient], stream: str, group: str) -> bool:
    """Whether the stream has the consumer group now."""
    try:
        with closing(connect()) as client:
            found = list(replies.groups(client.call("XINFO", "GROUPS", stream)))
    except SourceUnavailable:
        return False
    return group.encode() in {name for name, _ in found}


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        """A redirect is an answer; where it leads is nobody's business here."""
        return
