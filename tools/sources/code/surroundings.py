"""What a call has around it: the loop that repeats it, the functions it leads to, what these do about failures."""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec.structs import replace

from tools import masking
from tools.sources.code.commands import KINDS
from tools.sources.code.program import Expression, Import, Module, Scope
from tools.sources.code.program_index import CallSite, Program, ScopeKey
from tools.sources.code.resolution import STEP_SHOWN, Context
from tools.sources.code.resolve import Resolver
from tools.sources.code_records import Around, Loop, Setting

CALLERS_LEVELS_MAX, CALLERS_MAX = 3, 20
METHODS_MAX = 10
HANDLING_LEVELS_MAX = 2
WRITES_LEVELS_MAX = 3
REACH_LEVELS_MAX = 5
REACH_FUNCTIONS_MAX = 150

_POLICIES = {
    "claims": re.compile(r"(?i)x(?:auto)?claim"),
    "dead-letter": re.compile(
        r"(?i)dead.?letter|(?<![a-z])dlq|dlq(?![a-z])|poison|quarantine|park(?:ed|ing)|failed.?(?:stream|queue|jobs|events|messages)"
    ),
    "deliveries": re.compile(
        r"(?i)times_?delivered|deliver(?:y|ies)_?count|deliveries|max_?(?:deliver|attempt|tries|retries(?!per)|retry)"
        r"|(?:retry|retries|attempts?)_?count|xpending_?range|xpending\W[^)]{0,300}[\"'][-+][\"']"
    ),
    "replies": re.compile(
        r"(?i)\b(?:call_?backs?|pending(?:_?(?:requests?|replies|calls))?|waiters?|waiting|resolvers?|futures|promises|inflight)"
        r"\s*(?:\[|\.(?:get|pop|delete|has)\()|\bset_result\("
    ),
}

_WRITES = re.compile(
    r"(?i)\bx_?add\b|\binsert\s+into\b|\bdelete\s+from\b|\bupdate\s+[\w.\"`]+\s+set\b"
    r"|(?<!Object)(?<!axios)\.(?:create(?:_?many)?|insert(?:_?one|_?many)?|upsert|update_?(?:one|many)"
    r"|delete_?(?:one|many)|bulk_?(?:write|create|insert)|add_all|commit|post|xadd)\("
)
"""What leaves something behind: entries of other streams, rows, requests."""

_RETRIES = re.compile(
    r"(?i)retr(?:y|ies)(?!\w*per)|backoff|breaker|tenacity|attempt|opossum|outbox|spool|fallback|stamina|resilien"
)
_NEVER = re.compile(r"null|false|undefined|(?:\(\w*\)|\w+)\s*=>\s*(?:null|undefined|false|void 0)")
_OFF = {
    "maxRetriesPerRequest": re.compile("0"),
    "enableOfflineQueue": re.compile("false"),
    "retryStrategy": _NEVER,
    "disableOfflineQueue": re.compile("true"),
    "reconnectStrategy": _NEVER,
    "MaxRetries": re.compile("-1"),
    "retry": re.compile(r"(?:\w+\.)*Retry\(\s*(?:\w+\.)*NoBackoff\(\)\s*,\s*(?:retries\s*=\s*)?0\s*\)"),
}
"""Options of ioredis, node-redis, go-redis and redis-py, and the values by which a client never tries again."""
_LIBRARIES = {"ioredis": "ioredis", "redis": "node-redis", "@redis/client": "node-redis"}

Spot = tuple[ScopeKey, int]
"""A scope and a line in it."""


class Surroundings:
    """Looks around calls of one program."""

    def __init__(self, program: Program, resolver: Resolver) -> None:
        self._program = program
        self._resolver = resolver
        self._callers: dict[ScopeKey, list[CallSite]] = {}
        self._own: dict[ScopeKey, tuple[frozenset[str], tuple[ScopeKey, ...]]] = {}

    def of(self, start: Spot, place: CallSite) -> Around:
        """The loop and the policy around a Redis call; `place` is the call itself or that of a wrapper around it.

        Above the loop only what is handed down counts, such as a handler: what else a caller does is its own.
        """
        loop, at = self._loop(*start), start
        policy = self._reach([self.function(start[0])])
        # Of several that lead to the call, those in the file of the place are this place's own.
        above = sorted(self._above(start[0]), key=lambda caller: caller.module is not place.module)
        for number, caller in enumerate((place, *above)):
            there = ((caller.module.path, caller.site.scope), caller.site.expression.line)
            if number == 0 and there == start:
                continue
            if loop is None:
                loop, at = self._loop(*there), there
                policy |= self._reach([self.function(there[0])])
            else:
                policy |= self._reach(list(self._handed_down(caller)))
        if loop is not None:
            loop, called = self._with_handlers(loop, self.function(at[0]), place)
            policy |= {"writes"} if self._writes(called) else set()
        return Around(loop=loop, policy=tuple(sorted(policy)))

    def _with_handlers(self, loop: Loop, function: ScopeKey, place: CallSite) -> tuple[Loop, list[ScopeKey]]:
        """The loop with the names of what `place` hands to it, for those of its parameters; and what it calls."""
        module = self._program.modules[loop.path]
        called: list[ScopeKey] = []
        for site in module.sites:
            made = site.expression
            if made.kind == "call" and loop.line <= made.line <= loop.end_line:
                called += self._functions(made.callee, Context(module.path, site.scope))
        parameters = {parameter.name for parameter in self._program.scope(function).parameters}
        if not parameters & set(loop.calls):
            return loop, called
        handed = list(self._handed_down(place))
        names = (self._program.scope(key).name for key in handed)
        calls = (*(name for name in loop.calls if name not in parameters), *filter(None, names))
        return (replace(loop, calls=tuple(dict.fromkeys(calls))) if handed else loop), [*called, *handed]

    def _writes(self, level: list[ScopeKey]) -> bool:
        """Whether functions, or what these call, leave something behind."""
        seen = set(level)
        for _ in range(WRITES_LEVELS_MAX):
            for key in level:
                module, scope = self._program.modules[key[0]], self._program.scope(key)
                if scope.end_line and _WRITES.search(_code_of(module, scope.line, scope.end_line)):
                    return True
            level = [callee for key in level for callee in self._function_facts(key)[1] if callee not in seen]
            seen |= set(level)
            level = level[: max(0, REACH_FUNCTIONS_MAX - len(seen))]
        return False

    def led_to(self, start: ScopeKey, place: CallSite) -> set[ScopeKey]:
        """The functions that handle what a read gives: its own, those handed down at `place`, and what these call."""
        level = [self.function(start), *self._handed_down(place)]
        seen = set(level)
        for _ in range(HANDLING_LEVELS_MAX):
            level = [callee for key in level for callee in self._function_facts(key)[1] if callee not in seen]
            seen |= set(level)
        return seen

    def retried(self, start: Spot, option: Setting) -> bool:
        """Whether the function around a call, or one that calls it, speaks of another attempt; `option` does not."""
        keys = {self.function(start[0])}
        keys |= {self.function((c.module.path, c.site.scope)) for c in self._above(start[0])}
        for key in keys:
            module, scope = self._program.modules[key[0]], self._program.scope(key)
            first, last = (scope.line, scope.end_line) if scope.end_line else (1, len(module.lines))
            while first > 1 and module.lines[first - 2].lstrip().startswith("@"):
                first -= 1
            lines = _code_of(module, first, last).split("\n")
            at = option.line - first if option.path == module.path else -1
            if any(_RETRIES.search(line) for number, line in enumerate(lines) if number != at):
                return True
        return False

    def gives_up(self, client: Expression, context: Context, level: int = 0) -> Setting | None:
        """The option by which the client of a call gives up at the first failure; None where it does not."""
        for end in self._resolver.terminals(client, context):
            made = end.expression
            if made.kind != "call" or level > CALLERS_LEVELS_MAX:
                continue
            if made.callee.kind == "member" and made.callee.value in {"pipeline", "multi", "duplicate"}:
                return self.gives_up(made.callee.parts[0], end.context, level + 1)
            maps = [
                made,
                *(e.expression for a in made.arguments for e in self._resolver.terminals(a, end.context)),
            ]
            for option in (found for given in maps for found in _switched_off(given)):
                step = self._resolver.step(option, end.context.module)
                return Setting(path=step.path, line=step.line, text=masking.beginning(step.text, STEP_SHOWN))
        return None

    def library(self, module: Module) -> str:
        """The client library that a script file imports, or that alone is imported in the project."""
        own = {_LIBRARIES[found.module] for found in _imports(module) if found.module in _LIBRARIES}
        if not own:
            every = self._program.modules.values()
            own = {_LIBRARIES[i.module] for m in every for i in _imports(m) if i.module in _LIBRARIES}
        return own.pop() if len(own) == 1 else ""

    def callers(self, function: ScopeKey) -> list[CallSite]:
        """The calls of a function; of a constructor, those of its class."""
        if function not in self._callers:
            self._callers[function] = self._called_by(function)
        return self._callers[function]

    def _called_by(self, function: ScopeKey) -> list[CallSite]:
        scope = self._program.scope(function)
        module = self._program.modules[function[0]]
        around = module.class_of(function[1])
        is_maker = scope.name in {"__init__", "constructor"} and around is not None
        name = around.name if is_maker and around is not None else scope.name
        wanted = (function[0], around.index) if is_maker and around is not None else function
        return [
            caller for caller in self._program.calls_named(name) if self._calls(caller, wanted, scope.name)
        ]

    def _calls(self, caller: CallSite, wanted: ScopeKey, name: str) -> bool:
        callee = caller.site.expression.callee
        context = Context(caller.module.path, caller.site.scope)
        ends = self._resolver.terminals(callee, context)
        known = [end for end in ends if end.expression.kind in {"function", "class"}]
        if known:
            return any((end.context.module, end.context.scope) == wanted for end in known)
        # A method called as a command of the client is more likely the client's.
        if callee.kind != "member" or callee.value.lower() in KINDS:
            return False
        return self._program.only_method(name) == wanted

    def _above(self, key: ScopeKey) -> Iterator[CallSite]:
        """Where the functions around a scope are called, a few levels up."""
        level = [key]
        for _ in range(CALLERS_LEVELS_MAX):
            found: list[ScopeKey] = []
            for function in dict.fromkeys(self.function(below) for below in level):
                scope = self._program.scope(function)
                if scope.kind != "function" or not scope.name or scope.name in {"__init__", "constructor"}:
                    continue
                for caller in self.callers(function)[:CALLERS_MAX]:
                    found.append((caller.module.path, caller.site.scope))
                    yield caller
            level = found

    def _handed_down(self, caller: CallSite) -> Iterator[ScopeKey]:
        """The functions among the arguments of a call, in options too."""
        made = caller.site.expression
        context = Context(caller.module.path, caller.site.scope)
        given = [*made.arguments, *(value for _, value in made.pairs)]
        for part in (*given, *(value for option in given for _, value in option.pairs)):
            yield from self._functions(part, context)

    def function(self, key: ScopeKey) -> ScopeKey:
        """The outermost function around a scope: closures belong to what they stand in."""
        chain = self._program.modules[key[0]].scope_chain(key[1])
        functions: list[Scope] = []
        for scope in chain:
            if scope.kind == "class":
                break
            if scope.kind == "function":
                functions.append(scope)
        return (key[0], functions[-1].index) if functions else (key[0], 0)

    def _loop(self, key: ScopeKey, line: int) -> Loop | None:
        """The innermost loop without a natural end around a line, in the outermost function around it."""
        module = self._program.modules[key[0]]
        scope = self._program.scope(self.function(key))
        # A function without a name belongs to the call that it is handed to, which may begin on the line above.
        start = scope.line if scope.name else scope.line - 1
        found = [
            loop
            for loop in module.loops
            if loop.kind != "bounded" and start <= loop.line <= line <= loop.end_line
        ]
        return max(found, key=lambda loop: loop.line, default=None)

    # --- what a function leads to ------------------------------------------------------------------------

    def _reach(self, starts: list[ScopeKey]) -> set[str]:
        policy: set[str] = set()
        seen, level = set(starts), starts
        for _ in range(REACH_LEVELS_MAX):
            below: list[ScopeKey] = []
            for key in level:
                words, callees = self._function_facts(key)
                policy |= words
                below += [callee for callee in callees if callee not in seen]
                seen |= set(callees)
            level = below[: max(0, REACH_FUNCTIONS_MAX - len(seen))]
        return policy

    def _function_facts(self, key: ScopeKey) -> tuple[frozenset[str], tuple[ScopeKey, ...]]:
        if key not in self._own:
            module, scope = self._program.modules[key[0]], self._program.scope(key)
            self._program.load_imports(module)
            first, last = (scope.line, scope.end_line) if scope.end_line else (1, len(module.lines))
            text = _code_of(module, first, last)
            words = frozenset(name for name, pattern in _POLICIES.items() if pattern.search(text))
            callees: dict[ScopeKey, None] = {}
            for site in module.sites:
                made = site.expression
                if made.kind == "call" and first <= made.line <= last:
                    there = Context(module.path, site.scope)
                    for part in (made.callee, *made.arguments, *(value for _, value in made.pairs)):
                        callees |= dict.fromkeys(self._functions(part, there))
            self._own[key] = (words, tuple(callees))
        return self._own[key]

    def _functions(self, made: Expression, context: Context) -> Iterator[ScopeKey]:
        if made.kind not in {"name", "member"}:
            return
        some = False
        for end in self._resolver.terminals(made, context):
            if end.expression.kind == "function":
                some = True
                yield end.context.module, end.context.scope
        if not some and made.kind == "member":
            of_subclass = made.parts[0].value in {"self", "this"}
            methods = self._program.methods(made.value)
            if len(methods) == 1 or (of_subclass and len(methods) <= METHODS_MAX):
                yield from methods


def _switched_off(options: Expression) -> Iterator[Expression]:
    for key, value in options.pairs:
        name = key.value if key is not None else ""
        if name == "socket":
            yield from _switched_off(value)
        elif name in _OFF and _OFF[name].fullmatch(value.text):
            yield value


def _imports(module: Module) -> Iterator[Import]:
    if module.language != "python":
        for scope in module.scopes:
            yield from scope.imports.values()


def _code_of(module: Module, first: int, last: int) -> str:
    """The lines of a function without its comments."""
    comments = {line: text for line, text in module.comments if first <= line <= last}
    lines = []
    for number in range(first, last + 1):
        line = module.lines[number - 1] if number <= len(module.lines) else ""
        comment = comments.get(number, "").split("\n", 1)[0]
        lines.append(line.replace(comment, "") if comment else line)
    return "\n".join(lines)
