"""A server that speaks the Messages API on loopback: real HTTP, streaming, every shape of success and failure.

What it answers is a function of the request. Each request is checked against what the API, and our own promises, ask
of it; `MessagesApi.violations` must stay empty.
"""

from tests.fakes.messages_api.replies import (
    Breaks,
    Fails,
    Never,
    Reply,
    Says,
    calls,
    cut,
    overloaded,
    rate_limited,
    refuses,
    says,
)
from tests.fakes.messages_api.request import Asked
from tests.fakes.messages_api.server import MessagesApi, Script

__all__ = [
    "Asked",
    "Breaks",
    "Fails",
    "MessagesApi",
    "Never",
    "Reply",
    "Says",
    "Script",
    "calls",
    "cut",
    "overloaded",
    "rate_limited",
    "refuses",
    "says",
]
