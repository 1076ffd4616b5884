"""INFO commandstats: what the server's clients do, and what we cost.

Counters include calls from scripts and transactions. They start again at 0 after CONFIG RESETSTAT or a restart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct

READ_ONLY = frozenset(
    {
        "acl", "auth", "bitcount", "bitpos", "client", "cluster", "command", "config", "dbsize", "dump", "echo",
        "exists", "geodist", "geopos", "geosearch", "get", "getbit", "getrange", "hello", "hexists", "hget",
        "hgetall", "hkeys", "hlen", "hmget", "hrandfield", "hscan", "hvals", "info", "lastsave", "latency",
        "lindex", "llen", "lpos", "lrange", "memory", "mget", "object", "pfcount", "ping", "psubscribe", "psync",
        "pttl", "publish", "punsubscribe", "randomkey", "readonly", "replconf", "role", "scan", "scard", "sdiff",
        "select", "sinter", "sismember", "slowlog", "smembers", "smismember", "spublish", "srandmember", "sscan",
        "ssubscribe", "strlen", "subscribe", "sunion", "time", "touch", "ttl", "type", "unsubscribe", "wait",
        "xinfo", "xlen", "xpending", "xrange", "xrevrange", "zcard", "zcount", "zlexcount", "zmscore",
        "zrandmember", "zrange", "zrangebylex", "zrangebyscore", "zrank", "zrevrange", "zrevrangebyscore",
        "zrevrank", "zscan", "zscore",
    }
)  # fmt: skip
"""Commands after which every stream, group and consumer is as it was. XREAD is not among them: it may be a reader."""

COUNTED_WITHIN = frozenset(
    {"discard", "eval", "eval_ro", "evalsha", "evalsha_ro", "exec", "fcall", "fcall_ro", "multi", "script",
     "unwatch", "watch"}
)  # fmt: skip
"""Scripts and transactions: what they do is counted under its own name, too (seen on 6.2, 7.0, 8.2 and Valkey)."""

OTHER_TYPES = frozenset(
    {
        "append", "blmove", "blpop", "brpop", "bzpopmax", "bzpopmin", "decr", "decrby", "geoadd", "hdel", "hincrby",
        "hincrbyfloat", "hmset", "hset", "hsetnx", "incr", "incrby", "incrbyfloat", "linsert", "lmove", "lpop",
        "lpush", "lpushx", "lrem", "lset", "ltrim", "pfadd", "rpop", "rpoplpush", "rpush", "rpushx", "sadd",
        "setbit", "setnx", "setrange", "smove", "spop", "srem", "zadd", "zincrby", "zpopmax", "zpopmin", "zrem",
        "zremrangebylex", "zremrangebyrank", "zremrangebyscore",
    }
)  # fmt: skip
"""Commands that write keys of one other type, and answer WRONGTYPE where the key is a stream. SET is not one of them."""

_QUIET = READ_ONLY | COUNTED_WITHIN | OTHER_TYPES

_TOLD = _QUIET | {
    "del", "expire", "expireat", "flushall", "flushdb", "getdel", "getex", "getset", "mset", "msetnx", "persist",
    "pexpire", "pexpireat", "psetex", "set", "setex", "unlink", "xack", "xadd", "xautoclaim", "xclaim", "xread",
    "xreadgroup", "xgroup|createconsumer", "xgroup|delconsumer",
}  # fmt: skip
"""Commands after which XINFO GROUPS shows a change wherever XINFO STREAM does, as long as a group's lag counts what
is added (with XLEN, where `lag.grows_always` is not true): XDEL, XTRIM, XSETID, RESTORE and what is not known here are not among them."""


_OF_CONSUMERS = frozenset(
    {"xack", "xautoclaim", "xclaim", "xgroup|createconsumer", "xgroup|delconsumer", "xreadgroup"}
)
"""Those of them that can leave XINFO GROUPS as it was, and a consumer or a pending entry not."""


class Calls(Struct, frozen=True):
    """One counter: calls and microseconds of server time since the server began to count."""

    calls: int
    usec: int


Stats = Mapping[str, Calls]
"""By the name of commandstats: `xadd`, `xinfo|stream` (`xinfo` before 7.0)."""


def parse(section: Mapping[str, str]) -> dict[str, Calls]:
    """The counters of a parsed INFO reply; lines that are not counters are left out."""
    found = {}
    for key, value in section.items():
        if key.startswith("cmdstat_"):
            figures = dict(part.partition("=")[::2] for part in value.split(","))
            calls, usec = figures.get("calls", ""), figures.get("usec", "")
            if calls.isdigit() and usec.isdigit():
                found[key.removeprefix("cmdstat_")] = Calls(int(calls), int(usec))
    return found


def was_reset(before: Stats, now: Stats) -> bool:
    """Whether a counter went down: then growth since `before` means nothing."""
    return any(name not in now or now[name].calls < known.calls for name, known in before.items())


def growth(before: Stats, now: Stats, own: Mapping[str, int]) -> dict[str, int]:
    """Calls since `before`, our own left out; only what moved. {} after a reset."""
    if was_reset(before, now):
        return {}
    ours = _spelled_as(now, own)
    moved = {
        name: calls.calls - (before[name].calls if name in before else 0) - ours.get(name, 0)
        for name, calls in now.items()
    }
    return {name: count for name, count in sorted(moved.items()) if count > 0}


def is_quiet(moved: Mapping[str, int]) -> bool:
    """Whether nothing moved that could have touched a stream."""
    return all(name.partition("|")[0] in _QUIET for name in moved)


def is_told_briefly(moved: Iterable[str]) -> bool:
    """Whether all that was done shows in XINFO GROUPS (and XLEN), where a group's lag counts what is added."""
    return all(name in _TOLD or name.partition("|")[0] in _QUIET for name in moved)


def leaves_consumers(moved: Iterable[str]) -> bool:
    """Whether, with nothing new in XINFO GROUPS, consumers and pending entries have only grown older."""
    return is_told_briefly(moved) and not _OF_CONSUMERS & set(moved)


def own_usec(before: Stats, now: Stats, own: Mapping[str, int]) -> int:
    """Server time of our own commands since `before`, microseconds: our share of the calls of each."""
    if was_reset(before, now):
        return 0
    total = 0.0
    for name, count in _spelled_as(now, own).items():
        known = before.get(name, Calls(0, 0))
        calls = now[name].calls - known.calls
        if calls > 0:
            total += (now[name].usec - known.usec) * min(count, calls) / calls
    return round(total)


def _spelled_as(stats: Stats, own: Mapping[str, int]) -> dict[str, int]:
    """Our counts under the server's names: before 7.0 subcommands are not told apart."""
    spelled: dict[str, int] = {}
    for name, count in own.items():
        known = name if name in stats else name.partition("|")[0]
        if known in stats:
            spelled[known] = spelled.get(known, 0) + count
    return spelled
