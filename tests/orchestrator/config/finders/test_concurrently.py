"""Which prefix of concurrently is which service, as the real tool writes it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.config.finders.concurrently import prefixes

SCRIPTS = {"dev:orders": "x", "dev:api": "x", "css:watch": "x", "dev:mail:all": "x"}
PACKAGES = {"@acme/orders": "orders", "api-gateway": "api-gateway"}


@pytest.mark.parametrize(
    ("script", "wanted"),
    [
        pytest.param("node index.js", {}, id="nothing of it"),
        pytest.param(
            'concurrently "npm run dev -w @acme/orders" "npm run dev -w api-gateway"',
            {"0": "orders", "1": "api-gateway"},
            id="workspaces",
        ),
        pytest.param(
            "concurrently 'npm run dev --workspace=@acme/mail' 'npm run dev --workspace services/web'",
            {"0": "mail", "1": "web"},
            id="workspaces that are not known",
        ),
        pytest.param(
            "concurrently 'pnpm -F @acme/orders dev' 'yarn workspace api-gateway dev'",
            {"0": "orders", "1": "api-gateway"},
            id="pnpm and yarn",
        ),
        pytest.param(
            "concurrently -n orders,web 'node a.js' 'node b.js'",
            {"orders": "orders", "web": "web"},
            id="names",
        ),
        pytest.param(
            "concurrently --names=orders 'node services/a/index.js' 'node services/b/index.js'",
            {"orders": "orders", "1": "b"},
            id="fewer names than commands",
        ),
        pytest.param(
            "concurrently --name-separator '|' -n 'Order Service|web' 'a' 'b'",
            {"Order Service": "Order-Service", "web": "web"},
            id="names with blanks",
        ),
        pytest.param(
            "concurrently npm:dev:orders npm:dev:api",
            {"dev:orders": "orders", "dev:api": "api"},
            id="scripts",
        ),
        pytest.param(
            "concurrently 'npm:dev:*'",
            {"orders": "orders", "api": "api", "mail:all": "mail-all"},
            id="scripts by a wildcard",
        ),
        pytest.param(
            "concurrently 'npm run dev:*(!mail)' css",
            {"orders": "orders", "api": "api"},
            id="wildcard of run",
        ),
        pytest.param(
            "concurrently -n x- 'npm:dev:*'",
            {"x-orders": "x-orders", "x-api": "x-api", "x-mail:all": "x-mail-all"},
            id="wildcard with a name",
        ),
        pytest.param(
            "concurrently 'npm run dev:api' 'yarn dev:orders' 'npm run dev'",
            {"0": "api", "1": "orders"},
            id="a script without a name of its own",
        ),
        pytest.param(
            "concurrently 'node services/orders/src/index.js' 'node payments.js' 'node ./apps/web/server.js'",
            {"0": "orders", "1": "payments", "2": "web"},
            id="paths",
        ),
        pytest.param(
            "concurrently 'node orders/worker.js' 'node payments/worker.js'",
            {"0": "worker", "1": "payments"},
            id="two files of one name",
        ),
        pytest.param(
            "concurrently 'cd services/orders && npm run dev' 'npm --prefix services/web run dev'",
            {"0": "orders", "1": "web"},
            id="folders",
        ),
        pytest.param(
            "cross-env NODE_ENV=development npx concurrently -k --kill-others-on-fail -c red,blue 'node a.js' && echo done",
            {"0": "a"},
            id="options, and what comes after it",
        ),
        pytest.param(
            "npm run build && concurrently --restart-tries 3 --prefix-colors=auto 'node a.js'",
            {"0": "a"},
            id="after another command",
        ),
        pytest.param(
            "concurrently -p '{time} {name}' -n a,b 'x' 'y'", {"a": "a", "b": "b"}, id="a format of their own"
        ),
        pytest.param(
            "concurrently -p '[{index}-{name}]' -n a,b 'x' 'y'",
            {"0": "a", "a": "a", "1": "b", "b": "b"},
            id="both",
        ),
        pytest.param(
            "concurrently -p index -n a,b 'x' 'y'", {"0": "a", "1": "b"}, id="indices in spite of names"
        ),
        pytest.param(
            "concurrently -p command 'npm run dev -w @acme/orders' 'node services/gateway/index.js'",
            {"npm ..ders": "orders", "node..x.js": "gateway"},
            id="the cut command",
        ),
        pytest.param("concurrently -p none -n a,b 'x' 'y'", {}, id="no prefix"),
        pytest.param("concurrently --raw -n a,b 'x' 'y'", {}, id="raw"),
        pytest.param("concurrently 'tsc -w' 'sass --watch'", {}, id="commands that say nothing"),
        pytest.param("concurrently 'unbalanced", {}, id="broken quotes"),
        pytest.param("concurrently", {}, id="no commands"),
        pytest.param("concurrently -n", {}, id="option without its value"),
        pytest.param("concurrently -n '\x1b[2J,b' 'x' 'y'", {"b": "b"}, id="control characters"),
        pytest.param("concurrently -n '--help,b' 'x' 'y'", {"--help": "help", "b": "b"}, id="like an option"),
        pytest.param(f"concurrently -n '{'x' * 90},b' 'x' 'y'", {"b": "b"}, id="a name of absurd length"),
    ],
)
def test_a_prefix_is_a_service(script: str, wanted: dict[str, str]) -> None:
    assert prefixes(script, SCRIPTS, PACKAGES) == wanted


@given(st.text(max_size=80))
def test_any_script_is_read(text: str) -> None:
    found = prefixes(f"concurrently {text}", SCRIPTS, PACKAGES)
    assert all(key.isprintable() and name for key, name in found.items())
