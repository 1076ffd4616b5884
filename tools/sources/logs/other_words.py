"""Words of failure of programs that are known by name: servers, supervisors, shells. They mean one without a level, or below one."""

from __future__ import annotations

import re2

ENDED = re2.compile(
    r"(?i)\b(?:terminated|exited|died|quit|crashed) unexpectedly\b|\bunexpectedly (?:terminated|exited|died|quit|crashed)\b"
    r"|\b(?:exited (?:abnormally )?with (?:exit )?(?:code|status)(?: code)?|exited, code=(?:exited|killed|dumped), status=)\W{0,2}0*[1-9]|: line \d{1,6}: +\d+ killed\b|\bapp crashed\b"
)
"""A process that ended with a code that is none of success, in the words of shells, compose, pm2, nodemon and systemd."""
REFUSED = re2.compile(
    r"\b(?:MISCONF (?:Redis is|Errors writing)|READONLY You can't|NOAUTH Authentication|WRONGPASS invalid|CLUSTERDOWN (?:Hash|The cluster)"
    r"|MASTERDOWN Link|OOM command not|NOGROUP No such|NOPERM (?:User|No|this user)|WRONGTYPE Operation|EXECABORT Trans|NOREPLICAS Not)"
)
"""What Redis and Valkey answer where they refuse (their error strings). BUSYGROUP, NOSCRIPT and LOADING belong to healthy starts."""
SERVER_DIED = re2.compile(
    r"\b(?:crashed by signal: \d|(?:REDIS|VALKEY) BUG REPORT START|(?:Background|Foreground) saving error|Can't save in background|Short read or OOM loading DB"
    r"|Error condition on socket for SYNC|Error moving temp DB file|Could not create server \w+ listening socket|Bad file format reading the append"
    r"|Write error (?:saving|writing)|Error writing to the AOF|Fatal error loading the DB|Can't open the (?:append|log)|MASTER aborted replication with an error"
    r"|server process \(PID \d+\) (?:was terminated by signal|exited with exit code [2-9])|exited: \S+ \((?:exit status \d+|terminated by SIG\w+); not expected\))"
)
"""What Redis, Valkey, PostgreSQL and supervisord log of themselves and their processes, below the level of an error."""
UNIT_FAILED = re2.compile(
    r"^Failed to start |\.(?:service|scope|mount|socket|timer|slice): Failed with result "
)
"""What systemd says of its units."""
COMMAND = re2.compile(r"^\+{1,8} [\w./'\"\[{(:$!]")
"""What a shell is about to run, as it prints it on request (`set -x`): not how that went."""
_NO_WAY = re2.compile(
    r"(?i)\bdial (?:tcp|udp|unix)[46]?\b.{0,200}: (?:connection refused|no such host|i/o timeout|no route to host|network is unreachable)|\baddress already in use\b"
)
_WAITS = re2.compile(r"(?i)\b(?:sleeping|waiting for)\b")
"""What scripts say that start a service once its peers answer."""
_ENDED_AT = re2.compile(
    r"\S:in [`'][^`']{1,200}': .*\((?:[A-Z]\w*::)*[A-Z]\w*(?:Error|Exception)\)$"
    r"|(?:^|\s)Can't (?:call method|locate (?:object method|\S{1,200}\.pm\b)|use (?:string|an undefined value)).* at \S{1,200} line \S{1,9}\.$"
)
"""What Ruby and Perl end on: their traces have no words of one."""


def fails_without_level(words: str) -> bool:
    """Whether a line that has no level tells of a failure in the words of a program or language that is known."""
    # `status=1/FAILURE` is no path.
    if ENDED.search(words) is not None or UNIT_FAILED.search(words) is not None:
        return True
    if _ENDED_AT.search(words) is not None:
        return True
    return _NO_WAY.search(words) is not None and _WAITS.search(words) is None
