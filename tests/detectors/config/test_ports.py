"""Ports in compose files, Dockerfiles, env files, documents and code: conflicts, mismatches, and what is neither."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.detectors.config.cases import Case, check, found
from tests.sources.code.trees import index_of
from tools.detectors.config import port_conflict, port_mismatch
from tools.sources.records import FactKind


def composed(**ports: str) -> dict[str, str]:
    return {
        "compose.yml": "services:\n"
        + "".join(f"  {name}:\n    ports: ['{p}']\n" for name, p in ports.items())
    }


PROFILES = (
    "services:\n  a:\n    profiles: [x]\n    ports: ['80:1']\n  b:\n    profiles: [y]\n    ports: ['80:1']\n"
)
LISTENING = {"services/a/x.js": "app.listen(3000)", "services/b/x.js": "app.listen(3000)"}
_LISTENS = "app.listen(process.env.PORT);\nother.listen(process.env.%s_PORT);\n"
SERVICES = {"services/a/x.js": _LISTENS % "A", "services/b/x.js": _LISTENS % "B"}
PORTS = {
    "twice": Case(composed(a="3000:80", b="3000:81"), [("HIGH", "b")]),
    "in a range": Case(composed(a="3000-3005:80-85", b="3003:81"), [("HIGH", "b")]),
    "different": Case(composed(a="3000:80", b="3001:80")),
    "tcp and udp": Case(composed(a="3000:80", b="3000:80/udp")),
    "different addresses": Case(composed(a="127.0.0.1:3000:80", b="10.0.0.1:3000:80")),
    "one address and all": Case(composed(a="127.0.0.1:3000:80", b="3000:80"), [("HIGH", "b")]),
    "profiles that never meet": Case({"compose.yml": PROFILES}),
    "two compose files": Case(
        {"compose.yml": composed(a="3000:80")["compose.yml"], "compose.test.yml": composed(b="3000:80")["compose.yml"]}
    ),
    "one service, two of its ports": Case(
        {"compose.yml": "services:\n  a:\n    ports: ['3000:80', '3000:81']\n"}, [("HIGH", "a")]
    ),
    "one service, the same twice": Case({"compose.yml": "services:\n  a:\n    ports: ['3000:80', '3000:80']\n"}),
    "IPv4 and IPv6": Case(composed(a="0.0.0.0:3000:80", b="[::]:3000:80")),
    "an IPv6 address and all": Case(composed(a="[::1]:3000:80", b="3000:80"), [("HIGH", "b")]),
    "a range of which a free port is picked": Case(composed(a="3000-3009:80", b="3000:80")),
    "any free port": Case(composed(a="80", b="80")),
    "the same variable": Case(composed(a="${P:-3000}:80", b="${P:-3000}:80"), [("HIGH", "b")]),
    "variables that the env file tells apart": Case(
        composed(a="${A_P:-3000}:80", b="${B_P:-3000}:80") | {".env": "B_P=3001"}
    ),
    "variables that the env file makes equal": Case(
        composed(a="${A_P:-3000}:80", b="${B_P:-3001}:80") | {".env": "B_P=3000"}, [("HIGH", "b")]
    ),
    "variables that nobody knows": Case(composed(a="${A_P}:80", b="${B_P:?}:80")),
    "what a service is given is no variable of the file": Case(
        {"compose.yml": "services:\n  a:\n    environment: {P: 3000}\n    ports: ['${P:-3001}:80']\n"
                        "  b:\n    ports: ['3000:80']\n"}
    ),
    "the host's network has no published ports": Case(
        {"compose.yml": "services:\n  a:\n    network_mode: host\n    ports: ['80:80']\n  b:\n    ports: ['80:80']\n"}
    ),
    "a file and its override": Case(
        {"compose.yml": composed(a="80:1")["compose.yml"], "compose.override.yml": composed(b="80:1")["compose.yml"]},
        [("HIGH", "b")],
    ),
    "an override that replaces the ports": Case(
        {"compose.yml": composed(a="80:1", b="81:1")["compose.yml"],
         "compose.override.yml": "services:\n  a:\n    ports: !override ['82:1']\n  b:\n    ports: !reset []\n  c:\n"
                                 "    ports: ['80:1', '81:1']\n"}
    ),
    "an included file": Case(
        {"compose.yml": "include: [db/compose.yml]\n" + composed(a="80:1")["compose.yml"],
         "db/compose.yml": composed(b="80:1")["compose.yml"]},
        [("HIGH", "b")],
    ),
    "one needs a profile": Case(
        {"compose.yml": "services:\n  a:\n    ports: ['80:1']\n  b:\n    profiles: [x]\n    ports: ['80:1']\n"},
        [("LOW", "b")],
    ),
    "a port by which each finds its database": Case(
        SERVICES | {"services/a/.env": "DB_PORT=5432", "services/b/.env": "DB_PORT=5432"}
    ),
    "a port by which one finds the other": Case(
        SERVICES | {"services/a/.env": "PORT=3000\nB_PORT=3001", "services/b/.env": "PORT=3001"}
    ),
    "two services with one port": Case(
        SERVICES | {"services/a/.env": "PORT=3000", "services/b/.env": "PORT=3000"}, [("HIGH", "b")]
    ),
    "an env file that was copied to where nothing listens": Case(
        SERVICES | {"services/b/x.js": "work();\n", "services/a/.env": "PORT=3000", "services/b/.env": "PORT=3000"}
    ),
    "env files of tests": Case(SERVICES | {"services/a/.env.test": "PORT=3000", "services/b/.env.test": "PORT=3000"}),
    "two services with an image of their own": Case(
        SERVICES | {"services/a/.env": "PORT=3000", "services/b/.env": "PORT=3000",
                    "services/a/Dockerfile": "FROM x\nENV A=1", "services/b/Dockerfile": "FROM x\nENV A=1"}
    ),
    "written out in code that one script starts": Case(
        LISTENING | {"package.json": '{\n  "scripts": {\n    "dev": "concurrently \\"node services/a\\" \\"node services/b\\""\n  }\n}'},
        [("HIGH", "b")],
    ),
    "written out in code that a Procfile starts": Case(
        LISTENING | {"Procfile": "a: node services/a\nb: node services/b\n"}, [("HIGH", "b")]
    ),
    "written out in code, and nobody says that they run together": Case(LISTENING),
    "written out in code, in containers": Case(LISTENING | {"Procfile": "a: x\nb: y\n", "services/a/Dockerfile": "ENV A=1"}),
    "a default that a variable may change": Case(
        {"services/a/x.js": "app.listen(process.env.PORT || 3000)", "services/b/x.js": "app.listen(process.env.PORT || 3000)",
         "Procfile": "a: x\nb: y\n"}
    ),
    "two services in the env file": Case(SERVICES | {".env": "A_PORT=3000\nB_PORT=3000"}, [("HIGH", "b")]),
    "a port of something else": Case(SERVICES | {".env": "A_PORT=6379\nREDIS_PORT=6379"}),
    "the env file of another stage": Case(SERVICES | {".env": "A_PORT=3000", ".env.production": "B_PORT=3000"}),
    "in containers of their own": Case(
        SERVICES | {".env": "A_PORT=3000\nB_PORT=3000", "compose.yml": "services:\n  a: {image: x}\n  b: {image: x}\n"}
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", PORTS.values(), ids=PORTS.keys())
def test_ports_declared_twice(case: Case, tmp_path: Path) -> None:
    check(port_conflict, case, tmp_path)


BUILT = "services:\n  web:\n    build: services/web\n    ports: ['8080:%s']\n"
WEB = "const port = Number(process.env.PORT ?? 3000);\napp.listen(port);\n"


WORKER = "while (true) { await work(); }\n"
RUNS = 'FROM x\nCMD ["node", "main.ts"]\n'
PAGE = "export default function page() { return null }\n"
SERVE = '{\n  "scripts": {\n    "dev": "next dev -p 3001",\n    "serve": "%s"\n  }\n}'
GO = 'package main\n\nimport "net/http"\n\nfunc main() {\n\thttp.ListenAndServe(":8080", nil)\n}\n'


def test_many_conflicts_end_at_a_limit(tmp_path: Path) -> None:
    files = composed(**{f"s{number}": "3000:80" for number in range(40)})
    told = found(port_conflict, Case(files), tmp_path)
    assert len(told) == port_conflict.SYMPTOMS_MAX
    assert len({symptom.entity for symptom in told}) == len(told)


def web(target: str, code: str = WEB, **files: str) -> dict[str, str]:
    """A service `web` whose container port `target` is published."""
    named = {name.replace("__", "/").replace("_", "."): text for name, text in files.items()}
    starts = {"services/web/Dockerfile": RUNS}
    return {"services/web/main.ts": code, "compose.yml": BUILT % target} | starts | named


MISMATCHES = {
    "nothing listens there": Case(web("80"), [("MEDIUM", "80")]),
    "it listens there": Case(web("3000")),
    "a range that holds it": Case(
        {"services/web/main.ts": WEB, "compose.yml": BUILT.replace("8080:%s", "8080-8083:2999-3002")}
    ),
    "compose sets the variable": Case(
        {"services/web/main.ts": WEB, "compose.yml": BUILT % "80" + "    environment: {PORT: 80}\n"}
    ),
    "compose sets the variable to another": Case(
        {"services/web/main.ts": WEB, "services/web/Dockerfile": RUNS, "compose.yml": BUILT % "3000" + "    environment: {PORT: 81}\n"}, [("MEDIUM", "3000")]
    ),
    "compose hands the variable through": Case(
        {"services/web/main.ts": WEB, "compose.yml": BUILT % "80" + "    environment: [PORT]\n"}
    ),
    "compose fills the variable in": Case(
        {"services/web/main.ts": WEB, "compose.yml": BUILT % "80" + "    environment: {PORT: '${X}'}\n"}
    ),
    "the image sets the variable": Case(web("80", services__web__Dockerfile="FROM node\nENV PORT=80\n")),
    "the env file sets the variable": Case(web("80") | {"services/web/.env": "PORT=80\n"}),
    "the command names it": Case(
        {"services/web/main.ts": WEB, "compose.yml": BUILT % "80" + "    command: [node, main.js, --port, '80']\n"}
    ),
    "the image's command names it": Case(web("80", services__web__Dockerfile='FROM x\nCMD ["serve", "-p", "80"]\n')),
    "a script names it": Case(web("80") | {"services/web/package.json": '{\n  "scripts": {\n    "start": "serve -p 80"\n  }\n}'}),
    "the code names it elsewhere": Case(web("9229", WEB + "inspector.open(9229);\n")),
    "one of two is right": Case(web("3000', '9229:9229")),
    "the port is known only at run time": Case(web("80", "app.listen(choosePort());\n")),
    "any free port": Case(web("80", "app.listen(0);\n")),
    "one of its servers is known only at run time": Case(web("80", WEB + "other.listen(choosePort());\n")),
    "shared code starts servers": Case(web("80") | {"packages/shared/x.ts": "export const f = (p) => app.listen(p);"}),
    "an image of somebody else": Case(
        {"services/web/main.ts": WEB, "compose.yml": "services:\n  web:\n    image: nginx\n    ports: ['8080:80']\n"}
    ),
    "a service without code": Case({"services/api/main.ts": WEB, "compose.yml": BUILT % "80"}),
    "nobody knows what starts the server": Case(
        web("80", "export default function page() { return null }\n", services__web__Dockerfile="FROM x\n")
    ),
    "nobody knows what the container starts": Case({"services/web/main.ts": WEB, "compose.yml": BUILT % "80"}),
    "a script starts it": Case(web("80", services__web__Dockerfile='FROM x\nCMD ["/app/start.sh"]\n')),
    "the image starts it": Case(web("80", services__web__Dockerfile="FROM x\nCOPY . .\n")),
    "another stage is the last": Case(
        web("80", services__web__Dockerfile='FROM x AS dev\nCMD ["node", "main.js"]\nFROM nginx\nCOPY --from=dev /out /out\n')
    ),
    "another stage is meant": Case(
        web("80") | {"compose.yml": "services:\n  web:\n    build: {context: services/web, target: dev}\n    ports: ['8080:80']\n"}
    ),
    "npm starts it": Case(
        web("80", services__web__Dockerfile='FROM x\nCMD ["npm", "start"]\n')
        | {"services/web/package.json": '{\n  "scripts": {\n    "start": "node main.js"\n  }\n}'}, [("MEDIUM", "80")]
    ),
    "npm starts a manager": Case(
        web("80", services__web__Dockerfile='FROM x\nCMD ["npm", "start"]\n')
        | {"services/web/package.json": '{\n  "scripts": {\n    "start": "pm2-runtime ecosystem.config.js"\n  }\n}'}
    ),
    "a library that may start a server": Case(
        web("80", "import { boot } from '@acme/kit';\nboot();\n")
    ),
    "a library that is loaded and may start one": Case(web("80", "import '@acme/boot';\n" + WORKER)),
    "a worker with a database": Case(
        {"services/web/app.py": "from sqlmodel import Field\nimport redis.asyncio as redis\nimport models\nwork()\n",
         "services/web/models.py": "x = 1\n", "compose.yml": BUILT % "80",
         "services/web/Dockerfile": 'FROM x\nCMD ["python", "app.py"]\n'}, [("MEDIUM", "80")]
    ),
    "a client that starts no server": Case(web("80", "import Redis from 'ioredis';\n" + WORKER), [("MEDIUM", "80")]),
    "a framework's command starts the server": Case(
        web("80", PAGE, services__web__Dockerfile='FROM x\nCMD ["next", "start"]\n'), [("MEDIUM", "80")]
    ),
    "a framework's command starts it there": Case(
        web("3000", PAGE, services__web__Dockerfile='FROM x\nCMD ["next", "start"]\n')
    ),
    "a script that the image runs starts it elsewhere": Case(
        web("80", PAGE, services__web__Dockerfile='FROM x\nCMD ["pnpm", "run", "serve"]\n')
        | {"services/web/package.json": SERVE % "next start"}, [("MEDIUM", "80")]
    ),
    "a script that the image does not run": Case(
        web("80", PAGE, services__web__Dockerfile="FROM nginx\nCOPY out /usr/share/nginx/html\n")
        | {"services/web/package.json": SERVE % "next start"}
    ),
    "a flag names the port": Case(
        web("8001", "", services__web__Dockerfile="FROM x\nCMD uvicorn app:app --host 0.0.0.0 --port=8000\n"), [("MEDIUM", "8001")]
    ),
    "an entry point and its arguments": Case(
        web("8001", "", services__web__Dockerfile='FROM x\nENTRYPOINT ["/bin/uvicorn"]\nCMD ["app:app"]\n'), [("MEDIUM", "8001")]
    ),
    "compose sets the variable of the command": Case(
        {"services/web/app.py": "", "services/web/Dockerfile": "FROM x\nCMD uvicorn app:app\n",
         "compose.yml": BUILT % "80" + "    environment: {UVICORN_PORT: 80}\n"}
    ),
    "compose starts another command": Case(
        {"services/web/app.py": "", "services/web/Dockerfile": "FROM x\nCMD uvicorn app:app\n",
         "compose.yml": BUILT % "9000" + "    command: flask run --port 5000\n"}, [("MEDIUM", "9000")]
    ),
    "a configuration file may name it": Case(web("80", "", services__web__Dockerfile="FROM x\nCMD gunicorn app:app\n")),
    "it listens on a socket": Case(web("80", "", services__web__Dockerfile="FROM x\nCMD uvicorn app:app --uds /s\n")),
    "a program that starts no server": Case(web("80", WORKER, services__web__Dockerfile=RUNS), [("MEDIUM", "80")]),
    "a program that may start one": Case(web("80", WORKER + "serveMetrics();\n", services__web__Dockerfile=RUNS)),
    "shared code that may start one": Case(
        web("80", WORKER, services__web__Dockerfile=RUNS) | {"packages/shared/x.ts": "export const f = () => listen();"}
    ),
    "a program that names the number": Case(web("80", WORKER + "const n = 80;\n", services__web__Dockerfile=RUNS)),
    "a program of a module": Case(
        {"services/web/app.py": "work()\n", "services/web/Dockerfile": "FROM x\nCMD python -m celery.bin\n", "compose.yml": BUILT % "80"}
    ),
    "a service without a command": Case(web("80", WORKER, services__web__Dockerfile="FROM x\n")),
    "a program that starts no server, exposed": Case(
        {"services/web/main.ts": WORKER, "services/web/Dockerfile": RUNS + "EXPOSE 5000\n"}, [("LOW", "5000")]
    ),
    "in Go": Case(
        {"services/web/main.go": GO, "services/web/Dockerfile": 'FROM x\nENTRYPOINT ["/web"]\n', "compose.yml": BUILT % "80"}, [("MEDIUM", "80")]
    ),
    "in Go, there": Case({"services/web/main.go": GO, "compose.yml": BUILT % "8080"}),
    "udp is something else": Case(web("5353/udp")),
    "only EXPOSE is wrong": Case(web("3000", services__web__Dockerfile=RUNS + "EXPOSE 8000\n"), [("LOW", "8000")]),
    "EXPOSE is right": Case(web("3000", services__web__Dockerfile="FROM x\nEXPOSE 3000\n")),
    "EXPOSE of a variable": Case(web("3000", services__web__Dockerfile="FROM x\nARG P=3000\nEXPOSE ${P}/tcp\n")),
    "EXPOSE of a variable that nobody sets": Case(web("3000", services__web__Dockerfile="FROM x\nEXPOSE $NOPE\n")),
    "a document is wrong": Case(
        web("3000", README_md="| service | port |\n| --- | --- |\n| web | 4000 |\n"), [("LOW", "4000")]
    ),
    "a document names the container's port": Case(web("3000", README_md="| service | port |\n|---|---|\n| web | 3000 |\n")),
    "a document names the host's port": Case(web("3000", README_md="| service | port |\n|---|---|\n| `web` | `8080` |\n")),
    "a document of other services": Case(web("3000", README_md="| service | port |\n|---|---|\n| redis | 6379 |\n")),
    "a document in prose": Case(web("3000", README_md="It listens on port 4000.\n")),
}  # fmt: skip


@pytest.mark.parametrize("case", MISMATCHES.values(), ids=MISMATCHES.keys())
def test_ports_that_nothing_listens_on(case: Case, tmp_path: Path) -> None:
    check(port_mismatch, case, tmp_path)


def test_a_mismatch_quotes_the_declaration_and_the_code(tmp_path: Path) -> None:
    (symptom,) = found(port_mismatch, Case(web("80")), tmp_path)
    assert [(quote.source, quote.text) for quote in symptom.evidence] == [
        ("compose.yml", "ports: ['8080:80']"),
        ("services/web/main.ts", "app.listen(port);"),
    ]


SERVERS = {
    "a number with a base": ("a.ts", "const p = parseInt(process.env.PORT || '3000', 10);\napp.listen(p);", "3000", "PORT"),
    "an option": ("a.ts", "await app.listen({ host: '::', port: 3001 });", "3001", ""),
    "no default": ("a.js", "server.listen(process.env.PORT);", "", "PORT"),
    "bun": ("a.ts", "Bun.serve({ port: 4000, fetch() {} });", "4000", ""),
    "hono": ("a.ts", "serve({ fetch: app.fetch, port: 4001 });", "4001", ""),
    "web sockets": ("a.ts", "const s = new WebSocketServer({ port: 4002 });", "4002", ""),
    "uvicorn": ("a.py", "import os, uvicorn\nuvicorn.run(app, port=int(os.environ.get('P', '8001')))", "8001", "P"),
    "flask": ("a.py", "from flask import Flask\nFlask('a').run(host='::', port=5001)", "5001", ""),
    "a standard server": ("a.py", "from http.server import HTTPServer\nHTTPServer(('', 8002), H)", "8002", ""),
    "a socket": ("a.py", "s.bind(('0.0.0.0', 8003))", "8003", ""),
    "asyncio": ("a.py", "import asyncio\nasyncio.start_server(f, '::', 8004)", "8004", ""),
    "metrics": ("a.py", "start_http_server(9100)", "9100", ""),
    "go": ("a.go", 'package a\nimport "net/http"\nconst addr = ":8080"\nfunc f() { http.ListenAndServe(addr, h) }', "8080", ""),
    "go, a parameter": (
        "a.go", 'package a\nimport "net/http"\nfunc f(a string) { http.ListenAndServe(a, h) }\nfunc g() { f("0.0.0.0:8081") }', "8081", ""
    ),
    "go, a server": (
        "a.go", 'package a\nimport "net/http"\nfunc f() {\n\ts := &http.Server{Addr: ":8082"}\n\ts.ListenAndServe()\n}', "8082", ""
    ),
    "go, gin": ("a.go", 'package a\nimport "github.com/gin-gonic/gin"\nfunc f() { gin.Default().Run(":8083") }', "8083", ""),
    "go, gin's own": ("a.go", 'package a\nimport "github.com/gin-gonic/gin"\nfunc f() { gin.Default().Run() }', "", ""),
    "go, echo": ("a.go", 'package a\nimport "github.com/labstack/echo/v4"\nfunc f() { echo.New().Start(":8084") }', "8084", ""),
    "go, a listener": ("a.go", 'package a\nimport "net"\nfunc f() { net.Listen("tcp", ":8085") }', "8085", ""),
    "go, a variable": (
        "a.go", 'package a\nimport ("net/http"; "os")\nfunc f() { http.ListenAndServe(":" + os.Getenv("A_PORT"), h) }', "", "A_PORT"
    ),
    "a parameter": ("a.py", "def serve(port):\n    HTTPServer(('', port), H)\nserve(8005)", "8005", ""),
}  # fmt: skip


@pytest.mark.parametrize(("name", "code", "port", "variables"), SERVERS.values(), ids=SERVERS.keys())
def test_a_server_in_code_is_seen_with_its_port(
    name: str, code: str, port: str, variables: str, tmp_path: Path
) -> None:
    facts = [fact for fact in index_of(tmp_path, {name: code}).facts if fact.kind is FactKind.LISTENS]
    assert [(fact.name, fact.details["variables"]) for fact in facts] == [(port, variables)]


NO_SERVERS = {
    "an event": ("a.ts", "emitter.listen('ready');\nbus.listen(() => {});"),
    "a runner of something else": ("a.py", "job.run(port=1)"),
    "a queue that is bound": ("a.py", "queue.bind('exchange', 'key')"),
    "go, another's start": ("a.go", 'package a\nfunc f() { job.Start(":1"); cmd.Run() }'),
    "an address to connect to": ("a.py", "s.connect(('', 80))"),
}


@pytest.mark.parametrize(("name", "code"), NO_SERVERS.values(), ids=NO_SERVERS.keys())
def test_other_calls_are_no_servers(name: str, code: str, tmp_path: Path) -> None:
    assert not [fact for fact in index_of(tmp_path, {name: code}).facts if fact.kind is FactKind.LISTENS]
