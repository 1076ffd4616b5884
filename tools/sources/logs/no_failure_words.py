"""Words of failures that mean none: counts of zero, names, addresses, and what only deals with failures."""

from __future__ import annotations

from tools import linear

_THINGS = (
    "handlers?|handling|boundary|boundaries|middleware|report(?:er|ing|s)?|loggers?|logs?|logging|pages?|templates?|codes|polic(?:y|ies)"
    "|budget|rates?|counts?|counters?|metrics?|queues?|topics?|streams?|types?|class(?:es)?|strateg(?:y|ies)|config\\w*|settings?"
    "|limits?|levels?|tracking|recovery|correction|threshold|monitor\\w*|dump path|snapshots?|messages|filters?|support|injection"
    "|probabilit\\w+|collectors?|classifiers?|translations?|catalog\\w*|schemas?|budgets?|margins?|tolerances?|detection"
    "|channels?|hooks?|listeners?|protection|guards?|watchdogs?"
)
_ZERO = r"(?:0(?:\.0+)?(?:[^.\d]|$)|null|none|false|nil|<nil>|undefined|\[\]|\{\}|\"\")"
_NAMES = r"(?:errors|exceptions|failures|fatals?|timeouts|panics|failed|retry|retries)"
"""What a stream, a queue or a table for failures is called."""
_PEER = r"(?:econn\w+|etimedout|epipe|enotfound)"
_AT_FAULT = r"(?:unhandled|uncaught)[ -]?(?:promise )?(?:rejection|exception|error)s?"
NOT_A_FAILURE = linear.compile(
    "(?i)"
    + "|".join(
        (
            # None of them: "0 errors", "errors: 0", "unhandled rejections: 0".
            r"\b(?:0|no|zero|without(?: any)?|any) (?:[a-z]+ )?(?:errors?|failures?|exceptions?|failed|retries|timeouts?|rejections?|panics?|crashes|fatals?|criticals?)\b",
            rf"\b[\w.-]{{0,40}}(?:errors?|failures?|exceptions?|failed|fails|timeouts?|fatals?)[\w.]{{0,20}}(?:/\w{{1,6}})?\\?[\"']?\s?[:=]\s?\\?[\"']?{_ZERO}",
            rf"\b(?:oom|out of memory|unhandled \w+|uncaught \w+|{_PEER}|panics?)(?: events?| counts?| kills?| errors?)?\s?[:=]\s?{_ZERO}",
            rf"\boom[ _-]?(?:kill\w*|scores?|events?|counts?)\\?[\"']?\s?[:=]\s?\\?[\"']?{_ZERO}",
            r"\b(?:errors?|failures?|failed|exceptions?|timeouts?|fatals?|panics?) 0(?:[,;|)\s]|$)",
            r"\b(?:[a-z]\w*_)(?:errors?|failures?|exceptions?|timeouts?|econn\w+)_total(?:\{[^}]*\})? 0\b|\becon\w+_total 0\b",
            r"\b0 (?:[a-z]+ )?(?:out of memory|oom)\b|\boom(?:[ _-]?(?:group_)?(?:kill\w*|events?|counts?))? 0(?:[^.\d\w]|$)",
            rf"\b(?:criticals?|warn(?:ings?)?|refused|retr(?:y|ies)|attempts?|back-?off)(?:[ _-]?(?:attempts?|counts?|alarms?|alerts?))?\\?[\"']?\s?[:=]?\s?\\?[\"']?{_ZERO}",
            r"\b(?:no|not|without(?: a)?)(?: (?:any|further|more|other|need(?: to)?))* retr(?:y|ies)\b|\b(?:log-?in|sign-?in|log-?on|password|authentication) attempts?\b[ #:]*\d*|\bretries (?:left|remaining|allowed)\b|\bmax(?:imum)?[ _]?(?:retries|attempts)\b",
            # A reader that waits for messages.
            r"\b(?:timed? ?out|timeout)\b[^.;:]{0,20},? (?:no|0|without)(?: new| more)? (?:messages|entries|records|jobs|data)\b|\bblock(?:ing)? timeout\b",
            r"\b(?:no|0)(?: new| more)? (?:messages|entries|records|jobs|work|data)\b[,;:]? (?:will )?(?:retry\w*|back\w*[ -]?off|polling again|trying again)\b",
            r"\btimeout(?:[ _]?ms)?[\"']?\s?[:=]\s?[\"']?\d|\btimeouts? (?:is |was |set |configured )+(?:to )?\d",
            # Names, flags, addresses, URLs, paths.
            r"^\s+\"type\": \"\w+\",?$|^ {6,24}\"(?:message|code)\": \".*\",?$",
            r"--[a-z][a-z0-9]*(?:-[a-z0-9]+)+(?:=[\w.-]+)?",
            rf"\b(?:[a-z0-9]+[_-])*(?:streams?|topics?|queues?|channels?|tables?|groups?)(?:\s?=\s?|\\?[\"']\s?:\s?)\\?[\"']?{_NAMES}\b",
            rf"\b(?:consum\w+|read\w*|subscrib\w+(?: to)?|publish\w*(?: to)?|creat\w+|watch\w*|poll\w*|trim\w*|delet\w+|from|into|table) (?:if not exists |the )?(?:streams?|topics?|queues?|channels?|tables?) {_NAMES}\b",
            rf"(?-i:\b(?:FROM|JOIN|INTO|UPDATE|TABLE)) (?:IF NOT EXISTS )?[\w.]*{_NAMES}\b",
            r"[\w.+-]*(?:error|exception|fatal)[\w.+-]*@|\bhttps?://\S+",
            r"[\w.-]*/(?:[\w.-]*/)*[\w.-]*(?:error|exception|fatal|fail|heap|oom|panic|retry)[\w./?=&-]*",
            r"\\[\w.\\-]*(?:error|exception|fatal|fail|heap|oom|panic|retry)[\w.\\-]*",
            r"\b(?-i:[a-z0-9_]+)[-.:](?-i:errors?|exceptions?|failures?|fatal|timeouts?|panics?|oom)\b(?-i:[-.:][a-z0-9_]+\b)*",
            r"\b(?-i:[a-z0-9_]+)[-.:](?-i:retry|retries)\b(?:[^\s:=]|\s|$)",
            r"\b(?-i:errors?|exceptions?|failures?|fatal|timeouts?|panics?)-(?-i:[a-z][a-z0-9_-]*)",
            r"\b(?-i:errors?|exceptions?|failures?|fatal|timeouts?|panics?)\.(?-i:[a-z][a-z0-9_.]*)",
            r"(?:^|\s)# (?:HELP|TYPE) .*",
            # Figures: a part or a deviation, never a number of failures.
            r"\berrors?\s?[:=]?\s?[-+±]?\d{1,6}\.\d+(?:e-?\d+)?(?:[%,;|)\]]|\s*$|\s+\w+[=:])",
            r"\b(?:mean|squared|absolute|relative|standard|rms|training|train|rounding|percentage|prediction|estimation) errors?\s?(?:\(\w+\))?\s?[:=]?\s?[-+±]?\d",
            # What only deals with them.
            r"-xx:[+-]?\w+(?:=\S+)?|--max[-_]old[-_]space[-_]size\S*",
            rf"\b(?:avoid|prevent|guard against|protect against|protection against)(?:s|ing)? (?:an? |any |the )?(?:{_AT_FAULT}|oom\b|(?:heap )?out of memory)",
            r"\boom[ _-]?(?:protection|guard|watchdog|monitor\w*|detect\w+|score\w*|polic\w+|handl\w+)\b",
            rf"\b(?:captur(?:e|es|ing)|install\w*|regist\w*|catch(?:es|ing)?|listen\w*|watch\w*) (?:for |on |to |all |any |an? |the )*{_AT_FAULT}",
            rf"\b{_AT_FAULT} (?:handl\w+|hooks?|listeners?|monitor\w*|track\w+|captur\w+|modes?|polic\w+|will be)\b",
            rf"\b(?:will|would|can|may|to) (?:be )?re-?(?:tr\w+|connect\w*) (?:on|for|after|upon) {_PEER}(?:(?:,| or| and|/)+ ?{_PEER})*",
            rf"\bretry(?:able)?[ _-]?(?:errors|(?:error )?codes|on)\W{{0,6}}{_PEER}(?:[,/'\"| ]+(?:(?:or|and) )?{_PEER})*|\b(?:if|when|unless) {_PEER}",
            r"\b(?:writ(?:e|es|ing)|log(?:s|ging)?|send(?:s|ing)?|redirect\w*) (?:all )?(?:errors|exceptions) to\b|\.on(?:ce)?\(\W{0,2}sig\w+",
            r"\(allocation failure\)|\ballocation failure;|\bsuspect ram error\?|(?:\berror: )?\bmanager got sig(?:term|int)\b",
            rf"\b[\w-]*(?:error|exception|failure|panic|fatal|retry|timeout|heap)s?[ _-]?(?:{_THINGS})\b",
            r"\b(?:on|handle|is|with|log|report|catch|track)_?(?:error|exception|failure)s?\b[( =:,]|\bstderr\b",
            r"\b(?:on|handle|is|with)(?:Error|Exception|Failure)\b",
            r"\blog[_ -]?level\b\W{0,3}(?:is |set |to )*\W?(?:error|fatal|critical)\b|\b(?:at|minimum|with|using) level\b\W{0,3}(?:error|fatal|critical)\b",
            r"\b(?:if|when|unless|in case of|should) (?:an? |any |the )?(?:errors?|exceptions?|failures?)\b|\berrors? (?:will|would|may|can) be\b",
            r"\b(?:will|to|handlers?|listen\w*|wait\w*|watch\w*|regist\w*|install\w*)\b[^.;:]{0,40}\bsig(?:term|kill|int|segv|abrt|bus|ill|fpe)\b(?:(?:,| and| or) ?sig\w+)*",
            r"\boom[ -]?killer (?:is )?(?:dis|en)abled\b",
            r"\bheap[ _-]?(?:size|used|total|usage|stats|limit|max|free)\b|\b(?:jvm|java|go|v8|node)?[ _-]?heap[\"']?\s?[:=]\s?\d",
            # What is over.
            r"\berrors? (?:fixed|resolved|cleared|recovered|corrected|suppressed|ignored)\b|\berror[- ]free\b",
            r"\b(?:recovered|recovery) from (?:\w+ )?(?:errors?|failures?)\b|\bfail(?:-?|ed )?(?:over|safe|fast|back)\b",
            r"\b(?:fatal|critical) path\b|\bcritical section\b|\bexpected (?:errors?|exceptions?)\b|\bunexceptional\b",
        )
    )
)
"""What is taken out of a line before its words are judged."""
