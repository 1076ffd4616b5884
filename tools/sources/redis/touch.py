"""Where CLIENT NO-TOUCH is not there, or would be a danger: there our reads refresh a key's idle time instead.

Redis has it from 7.2 on, Valkey always had; before, a user of few rights would leave an entry in ACL LOG by asking.

A Redis server with https://github.com/redis/redis/pull/13512 and without the fix of pull 14415 reads through a null
pointer when a client in this mode asks for a key whose slot is on its way to another node: one of our reads would end
the server (seen on 8.2.3). Outside of a cluster no read does that. Of Valkey, which mended it too, 8.1.8 and 9.1.2 were
seen to bear it.
"""

from __future__ import annotations

SINCE_REDIS = (7, 2)
SAFE_VALKEY = (8, 1, 8)


def may_ask(info_server: object) -> bool:
    """Whether CLIENT NO-TOUCH ON may be sent, by the reply of INFO server; not where that was refused."""
    if not isinstance(info_server, bytes):
        return False
    lines = info_server.decode("utf-8", "replace").splitlines()
    info = dict(line.partition(":")[::2] for line in lines)
    valkey = _numbers(info.get("valkey_version", ""))
    if info.get("redis_mode", info.get("server_mode")) != "cluster":
        return bool(valkey) or _numbers(info.get("redis_version", "")) >= SINCE_REDIS
    return valkey >= SAFE_VALKEY


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdecimal())
