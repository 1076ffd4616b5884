"""Where code listens for connections: the port of each server it starts, as far as it can be resolved.

Servers that a framework's own command starts (`next start`, `uvicorn app:app`) are found by `framework_servers`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import re2
from msgspec.structs import replace

from tools.sources import framework_servers, known_imports
from tools.sources.code.program import Expression, Module, Site
from tools.sources.code.program_index import Program
from tools.sources.code.source_files import Holds
from tools.sources.code_settings import Settings, line_of
from tools.sources.config_records import ConfigFact, FactKind
from tools.sources.records import CodeUse

ServiceOf = Callable[[str], str | None]
_NUMBER = re2.compile(r"\d{2,5}")
_SERVERS = {"WebSocketServer", "Server", "WebSocket.Server"}
_SERVES = {"Bun", "Deno"}
_ADDRESS_PAIRS = {"HTTPServer", "ThreadingHTTPServer", "TCPServer", "ThreadingTCPServer", "UDPServer", "bind"}
_SECOND = {"start_server", "make_server", "create_server"}
RUN_TIME = "{}"
_ADDRESS = "Addr"
"""Of a server of net/http."""
_GO_FRAMEWORKS = {
    "gin-gonic/gin": {"Run", "RunTLS"},
    "labstack/echo": {"Start", "StartTLS"},
    "gofiber/fiber": {"Listen", "ListenTLS"},
}
_RUNNERS = (
    "flask",
    "uvicorn",
    "aiohttp",
    "sanic",
    "quart",
    "hypercorn",
    "waitress",
    "bottle",
    "tornado",
    "fastapi",
)


class Listening:
    """Finds them in one program. `uses` tell what reads the environment, `facts` which ports containers have."""

    def __init__(
        self,
        program: Program,
        service_of: ServiceOf,
        uses: Iterable[CodeUse],
        facts: Iterable[ConfigFact],
    ) -> None:
        self._program, self._service_of = program, service_of
        self._settings = Settings(program, uses)
        known = tuple(facts)
        self._by_command = tuple(framework_servers.facts(known))
        self._plain = tuple(framework_servers.plain(known))
        self._ports = {number for fact in known for number in _container_ports(fact)}

    def facts(self) -> Iterator[ConfigFact]:
        """A fact for each server that code or a command starts; its name is the port by default, "" where it is not known."""
        found = list(self._by_command)
        for module in self._program.holding(Holds.SERVERS):
            for site in module.sites:
                port = _port_of(module, site)
                if port is None:
                    continue
                try:
                    found.append(self._fact(module, site, port))
                except RecursionError:
                    continue  # the index says so of the file
        found += self._nowhere(known={fact.service for fact in found})
        named = self._named({fact.service for fact in found})
        for fact in found:
            also = ",".join(sorted(named[fact.service] - {fact.name}))
            yield replace(fact, details={**fact.details, "also": also})

    def _fact(self, module: Module, site: Site, port: Expression) -> ConfigFact:
        made = site.expression
        if port.kind == "member" and port.value == _ADDRESS:
            port = self._settings.given(module, site, port.parts[0], _ADDRESS) or port
        found = self._settings.of(module, site, port)
        values = list(dict.fromkeys(_number_in(value, module.language) for value in found.values))
        if found.variables:  # what is read from the environment stands in an address as an open part
            values = [value for value in values if value != RUN_TIME]
        ports = [value for value in values if is_port(value)]
        is_open = found.is_open or len(ports) != len(values) or len(ports) > 1
        return ConfigFact(
            kind=FactKind.LISTENS,
            service=self._service_of(module.path),
            path=module.path,
            line=made.line,
            text=line_of(module, made),
            name="" if is_open else next(iter(ports), ""),
            details={
                "form": "code",
                "variables": ",".join(found.variables),
                "open": "yes" if is_open else "",
            },
        )

    def _nowhere(self, known: set[str | None]) -> list[ConfigFact]:
        """The services that do nothing but run a program in which nothing can start a server."""
        found = {fact.service: fact for fact in self._plain if fact.service not in known}
        seen: set[str | None] = set()
        for path, text in self._program.texts() if found and None not in known else ():
            service = self._service_of(path)
            seen.add(service)
            # What services share may be any service's.
            if (service in found or service is None) and self._may_serve(path, text):
                for name in [service] if service is not None else list(found):
                    found.pop(name, None)
        return [fact for service, fact in found.items() if service in seen]

    def _may_serve(self, path: str, text: str) -> bool:
        """Whether a file has a word of a server, or imports what may start one."""
        if framework_servers.SERVES.search(text):
            return True
        return not known_imports.opens_nothing(self._program, self._program.modules[path])

    def _named(self, services: set[str | None]) -> dict[str | None, set[str]]:
        """Per service with a server, the container ports of the project that its code names anywhere."""
        found: dict[str | None, set[str]] = {service: set() for service in services}
        for path, text in self._program.texts() if services and self._ports else ():
            service = self._service_of(path)
            if service in found:
                found[service] |= self._ports.intersection(_NUMBER.findall(text))
        return found


def _container_ports(fact: ConfigFact) -> Iterator[str]:
    if fact.kind is FactKind.PORT and fact.details.get("form") == "compose" and fact.value:
        yield fact.value
    elif fact.kind is FactKind.EXPOSED or (
        fact.kind is FactKind.PORT and fact.details.get("form") == "table"
    ):
        yield fact.name.partition("/")[0]


def _port_of(module: Module, site: Site) -> Expression | None:
    """The expression of the port, where a site starts a server."""
    made = site.expression
    if made.kind != "call":
        return None
    reader = {"python": _python, "go": _go}.get(module.language, _script)
    return reader(module, made)


def _script(module: Module, made: Expression) -> Expression | None:
    callee, arguments = made.callee, made.arguments
    first = arguments[0] if arguments else None
    if first is None:
        return None
    if callee.kind == "member" and callee.value == "listen":
        if first.kind == "map":
            return first.keyword("port")
        # A path of a socket, or an event and what is called then.
        return None if first.kind in {"function", "text"} or "=>" in first.text else first
    options = next((argument for argument in arguments if argument.kind == "map"), None)
    if options is None:
        return None
    served = callee.value == "serve" and (callee.kind == "name" or callee.parts[0].value in _SERVES)
    made_new = callee.text in _SERVERS and callee.value != "Server" and "new " in line_of(module, made)
    return options.keyword("port") if served or made_new else None


def _python(module: Module, made: Expression) -> Expression | None:
    name, arguments = made.callee.value, made.arguments
    if name in _ADDRESS_PAIRS and arguments and arguments[0].kind == "list" and len(arguments[0].parts) >= 2:
        return arguments[0].parts[1]
    if name == "start_http_server":
        return made.argument(0, "port")
    if name in _SECOND and len(arguments) + len(made.pairs) > 1:
        place = 1 if name == "make_server" else 2
        return made.argument(place, "port")
    if name in {"run", "run_app", "serve"} and any(word in _imported(module) for word in _RUNNERS):
        return made.keyword("port")
    return None


def _go(module: Module, made: Expression) -> Expression | None:
    """The address of a server of net/http, or of the frameworks that are imported; what it is without one is open."""
    name, arguments = made.callee.value, made.arguments
    if made.callee.kind != "member":
        return None
    if name in {"ListenAndServe", "ListenAndServeTLS"}:
        owner = made.callee.parts[0]
        if owner.value == "http":
            return arguments[0] if arguments else None
        return Expression("member", made.text, made.line, made.end_line, _ADDRESS, (owner,))
    if name == "Listen" and arguments and arguments[0].value.startswith("tcp"):
        return arguments[1] if len(arguments) > 1 else None
    paths = {target.module for scope in module.scopes for target in scope.imports.values()}
    if any(name in verbs and any(word in path for path in paths) for word, verbs in _GO_FRAMEWORKS.items()):
        return arguments[0] if arguments else Expression("other", made.text, made.line, made.end_line)
    return None


def _number_in(value: str, language: str) -> str:
    """The port of an address, as Go writes it (`:8080`); of other languages the value itself."""
    return value.rpartition(":")[2] if language == "go" else value


def _imported(module: Module) -> set[str]:
    return {target.module.split(".")[0] for scope in module.scopes for target in scope.imports.values()}


def is_port(text: str) -> bool:
    """Whether a text is a port number; 0, which means any free one, is none."""
    return text.isascii() and text.isdecimal() and len(text) <= 5 and 0 < int(text) < 65536
