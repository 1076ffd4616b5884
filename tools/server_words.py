"""Words of failure of programs that are known by name: servers, supervisors, shells. They mean one without a level, or below one.

For whoever judges lines and for the rules that tell of them.
"""

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
CRASHED = re2.compile(r"\b(?:crashed by signal: \d|got signal (?:4|6|7|8|11) ;)")
"""How Redis, Valkey and MariaDB tell of their own end."""
SERVER_DIED = re2.compile(
    r"\b(?:crashed by signal: \d|(?:REDIS|VALKEY) BUG REPORT START|(?:Background|Foreground) saving error|Can't save in background|Short read or OOM loading DB"
    r"|Error condition on socket for SYNC|Error moving temp DB file|Could not create server \w+ listening socket|Bad file format reading the append"
    r"|Write error (?:saving|writing)|Error writing to the AOF|Fatal error loading the DB|Can't open the (?:append|log)|MASTER aborted replication with an error"
    r"|MASTER timeout: no data|Timeout connecting to the MASTER|Unable to AUTH to MASTER"
    r"|server process \(PID \d+\) (?:was terminated by signal|exited with exit code [2-9])|archive command (?:failed with exit code|was terminated by)"
    r"|could not fork (?:new )?(?:\w+ )?process|configuration file \"[^\"]{1,200}\" contains errors|child pid \d+ exit signal"
    r"|died, killed by signal \d|(?:memory|disk) resource limit alarm set on node|closing because: (?:connect failed|connect timeout|server login failed)"
    r"|stepped down to follower since quorum is not active|peer became inactive \(|all handlers for \S{1,100} on \S{1,100} are down|gave up: \S{1,100} entered FATAL state|Server \S{1,100}/\S{1,100} is DOWN\b|backend \S{1,100} has no server available|exited: \S+ \((?:exit status \d+|terminated by SIG\w+); not expected\))|^(?:\+odown master|-failover-abort-)"
)
"""What Redis, Valkey, Sentinel, PostgreSQL, PgBouncer, RabbitMQ, etcd, Apache, lighttpd, HAProxy, uWSGI and supervisord log of themselves, their processes and peers, below the level of an error."""
SESSION_STOPPED = re2.compile(
    r"\b(?:due to administrator command$|the database system is (?:starting up|shutting down)|terminating (?:walreceiver|background worker) )"
)
"""A FATAL of PostgreSQL that ends a session, and belongs to every restart."""
SESSION_REFUSED = re2.compile(
    r"^(?:(?:password|peer|ident|PAM|LDAP|GSSAPI|SCRAM|certificate|Ident|Peer)[\w -]{0,20} authentication failed for user|no pg_hba\.conf entry for"
    r"|pg_hba\.conf rejects|(?:database|role) \"[^\"]{1,100}\" (?:does not exist|is not permitted to log in)|sorry, too many clients|remaining connection slots are reserved"
    r"|too many connections for|terminating connection due to|connection to client lost|canceling authentication due to|unsupported frontend protocol"
    r"|could not (?:connect to the (?:primary server|publisher)|(?:receive|send) (?:data|end-of-streaming message) (?:from|to) (?:WAL stream|primary)))"
)
"""A FATAL of PostgreSQL that ends the session of one client or of a standby, and never the server."""
ADVICE = re2.compile(
    r"^(?:Supervisor (?:is )?running as root|Server '[^']{1,100}' running without any HTTP authentication|Set uid to user )"
)
"""What supervisord logs as critical at each start."""
OF_A_CLIENT = re2.compile(
    r"^(?:open\(\) \"[^\"]{1,500}\" failed \((?:2|20|36): [^()]{1,40}\), client: |\"[^\"]{1,500}\" is not found \(2: |access forbidden by rule, client: "
    r"|directory index of \"[^\"]{1,500}\" is forbidden, client: |user \"[^\"]{0,200}\"(?:: password mismatch| was not found in \"[^\"]{1,500}\"), client: "
    r"|FastCGI sent in stderr: \"Primary script unknown\" while |client intended to send too (?:large|long) |(?:delaying|limiting) (?:requests?|connections)(?:, excess:| by zone)"
    r"|SSL_do_handshake\(\) failed \(SSL: [^()]{1,300}(?:\([^()]{0,100}\)[^()]{0,100})*\) while SSL handshaking, client: "
    r"|AH(?:00126|00127|00128|01276|01614|01617|01618|01630|01631|01797|02811): |AH01264: stderr from \S{1,200}: script not found)"
)
"""What nginx and Apache log as an error where a client asked for what is not there, or not for it: the answer is 4xx, or there is none."""
UNIT_FAILED = re2.compile(
    r"^Failed to start |\.(?:service|scope|mount|socket|timer|slice): Failed with result "
)
"""What systemd says of its units."""
SAYS_NOTHING = re2.compile(
    r"^[EF], \[\S+ #\d+\] +(?:ERROR|FATAL) -- [^:]*:\s*$|^[-\d:.+ ]{20,40}\[(?:error|critical)\] <\d+\.\d+\.\d+>\s*$"
)
"""The blank lines that Rails and RabbitMQ log around what failed."""
_COMMAND = re2.compile(r"^\+{1,8} [\w./'\"\[{(:$!]")
"""What a shell is about to run, as it prints it on request (`set -x`): not how that went."""
STOPPING = r"shut(?:ting)? ?down|graceful|handling signal|sigint|sigquit"
"""Words of it (a pattern without case), beside those of signals that are failures."""
STOPS = re2.compile(
    r"(?i)\b(?:shut(?:ting)? ?down|graceful(?:ly)? (?:shut|stop|exit)\w*|handling signal: (?:term|int|quit)|sig(?:term|int|quit)\b.{0,40}(?:received|caught|stopping|closing|draining|exit\w*)"
    r"|(?:received|caught|got|on|sending)\W{0,3}(?:signal\W{0,3})?sig(?:term|int|quit)\b|(?:warm|cold) shutdown)"
)
"""What a program says that was told to stop."""
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
_REQUEST = re2.compile(r", client: [^\s,]{1,100}, server: ")
_UPSTREAM = re2.compile(r", upstream: \"([a-z]{1,20}://[^/\"?]{1,300})")


def without_request(text: str) -> str:
    """A line without the request that nginx writes behind what failed; whom it asked for it is kept.

    One broken upstream is one failure, whatever was asked for.
    """
    match = _REQUEST.search(text) if ", client: " in text else None
    if match is None:
        return text
    asked = _UPSTREAM.search(text[match.start() :])
    return text[: match.start()] + ("" if asked is None else f", upstream: {asked.group(1)}")


def fails_without_level(words: str) -> bool:
    """Whether a line that has no level tells of a failure in the words of a program or language that is known."""
    # `status=1/FAILURE` is no path.
    if ENDED.search(words) is not None or UNIT_FAILED.search(words) is not None:
        return True
    if _ENDED_AT.search(words) is not None:
        return True
    return _NO_WAY.search(words) is not None and _WAITS.search(words) is None


def is_command(level: str | None, text: str) -> bool:
    """Whether a line only says what a shell is about to run."""
    return level is None and _COMMAND.match(text) is not None
