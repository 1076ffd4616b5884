"""What stands around a place in the code: the loop it is repeated by, the handlers that catch its errors."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from tools.sources.schema_records import MessageSchema


class Loop(Struct, frozen=True, kw_only=True):
    """A loop around a call, or a timer that repeats it. Lines are those of its file; texts are masked."""

    path: str
    line: int
    end_line: int
    header: str
    kind: Literal["endless", "bounded", "timer"]
    """endless: nothing but a flag, a signal or a break ends it; bounded: over items, a count or until empty."""
    waits: str = ""
    """The call that pauses between two rounds, outside handlers of errors; "" where none does."""
    leaves: bool = False
    """A break or return outside handlers of errors."""
    calls: tuple[str, ...] = ()
    """Names of what it calls, each once; for a parameter, what is handed to it."""
    tests: tuple[str, ...] = ()
    """The conditions of its branches."""


class Handler(Struct, frozen=True, kw_only=True):
    """A handler of errors: `except`, `catch`, `.catch()` or `suppress()`; of Go a statement that drops one. Texts are masked."""

    path: str
    line: int
    end_line: int
    guarded_line: int
    guarded_end_line: int
    """The lines whose errors it catches."""
    catches: tuple[str, ...]
    """The error types; empty where it catches every one."""
    form: Literal["block", "promise", "suppress", "dropped"] = "block"
    raises: bool = False
    tested_only: bool = False
    """The error is read by the one condition in it, and what does not meet that is let go."""
    uses_error: bool = False
    """The error itself is read, so it is told or tested."""
    empty: bool = False
    """Nothing but comments, `pass`, `continue` or `...`."""
    commented: bool = False
    calls: tuple[str, ...] = ()
    assigns: bool = False
    returns: str = ""
    """What it gives instead; "" where nothing."""
    guards: tuple[str, ...] = ()
    """Names of what the guarded lines call."""


class Setting(Struct, frozen=True, kw_only=True):
    """One option of a call, as its masked source line."""

    path: str
    line: int
    text: str


class Around(Struct, frozen=True, kw_only=True):
    """What a use has around it, each where it was looked for."""

    loop: Loop | None = None
    """Of XREAD and XREADGROUP: what repeats the call, in its function or in one that calls it."""
    handler: Handler | None = None
    """Of CATCH."""
    policy: tuple[str, ...] = ()
    """Of XREAD, XREADGROUP and XCLAIM, what the code that they lead to does: `claims`, `dead-letter`, `deliveries`
    about failures; `replies` where it hands entries to whoever waits for them; `writes` where what their loop calls
    leaves something behind (entries of other streams, rows, requests)."""
    inner_fields: tuple[str, ...] = ()
    """Of XADD: names inside of JSON that a field of the payload holds."""
    fields_open: bool = True
    """Of XADD: the payload may hold more than the names that could be read."""
    model: MessageSchema | None = None
    """Of XADD: the model in code that makes its payload. Of XREADGROUP: the one by which its messages are read."""
    constants: tuple[tuple[str, str], ...] = ()
    """Of XADD: fields that say a version, with the one value that the code gives them."""
    gives_up: Setting | None = None
    """Of XADD: the option of its client that switches retries or the queue of unsent commands off."""
    retried: bool = False
    """Of XADD: the functions around it speak of retries, backoff, a breaker, an outbox or a fallback."""
    receiver: str = ""
    """Of KEYS: what it is called on."""
    library: str = ""
    """Of KEYS in a script: `ioredis` or `node-redis`, where the file or the project imports one of them."""
