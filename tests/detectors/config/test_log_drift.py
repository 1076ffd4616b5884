"""Log levels and formats that are declared, and what the code does with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.detectors.config.cases import Case, check, found
from tools.detectors.config import log_drift

FIXED = "import logging\nlogging.basicConfig(level=logging.INFO)\n"
READ = 'import logging, os\nlogging.basicConfig(level=os.environ.get("LOG_LEVEL", "INFO"))\n'
PINO = "const log = pino({ level: 'info' });\n"
DRIFT = {
    "written out, and declared": Case({"services/a/x.py": FIXED, ".env": "LOG_LEVEL=debug\n"}, [("LOW", "LOG_LEVEL")]),
    "declared for this service": Case({"services/a/x.py": FIXED, ".env": "A_LOG_LEVEL=debug\n"}, [("LOW", "A_LOG_LEVEL")]),
    "declared in its env file": Case({"services/a/x.py": FIXED, "services/a/.env": "LOG_LEVEL=debug\n"}, [("LOW", "LOG_LEVEL")]),
    "declared by compose": Case(
        {"services/a/x.py": FIXED, "compose.yml": "services:\n  a:\n    environment: {LOG_LEVEL: debug}\n"}, [("LOW", "LOG_LEVEL")]
    ),
    "pino": Case({"services/a/x.ts": PINO, ".env": "LOG_LEVEL=debug\n"}, [("LOW", "LOG_LEVEL")]),
    "winston": Case(
        {"services/a/x.ts": "const log = winston.createLogger({ level: 'warn', format: winston.format.json() });\n", ".env": "LOG_FORMAT=text\n"},
        [("LOW", "LOG_FORMAT")],
    ),
    "the root logger": Case(
        {"services/a/x.py": 'import logging\nlogging.getLogger().setLevel("WARNING")\n', ".env": "LOG_LEVEL=debug\n"}, [("LOW", "LOG_LEVEL")]
    ),
    "read": Case({"services/a/x.py": READ, ".env": "LOG_LEVEL=debug\n"}),
    "read by pino": Case({"services/a/x.ts": "const log = pino({ level: process.env.LOG_LEVEL ?? 'info' });\n", ".env": "LOG_LEVEL=debug\n"}),
    "read through settings of a library": Case(
        {"services/a/x.py": FIXED, "services/a/s.py": "class S(BaseSettings):\n    log_level: str = 'INFO'\n", ".env": "LOG_LEVEL=debug\n"}
    ),
    "read through configuration of a framework": Case(
        {"services/a/x.ts": PINO + "app.useLogger(config.get('logLevel'));\n", ".env": "LOG_LEVEL=debug\n"}
    ),
    "the same as declared": Case({"services/a/x.py": FIXED, ".env": "LOG_LEVEL=INFO\n"}),
    "another service's": Case({"services/a/x.py": FIXED, "services/b/x.py": "", ".env": "B_LOG_LEVEL=debug\n"}),
    "another program's": Case({"services/a/x.py": FIXED, ".env": "KAFKA_LOG_LEVEL=debug\n"}),
    "shared code sets the logger up": Case(
        {"services/a/x.py": FIXED, "shared/log.py": "import logging\nlogging.basicConfig(level=level)\n", ".env": "LOG_LEVEL=debug\n"}
    ),
    "one logger of many": Case(
        {"services/a/x.py": 'import logging\nlogging.getLogger("urllib3").setLevel(logging.ERROR)\n', ".env": "LOG_LEVEL=debug\n"}
    ),
    "only in the example": Case({"services/a/x.py": FIXED, ".env.example": "LOG_LEVEL=debug\n"}),
    "no level at all": Case({"services/a/x.py": READ, ".env": "LOG_LEVEL=verbos\n"}, [("MEDIUM", "no level")]),
    "a level in capitals": Case({"services/a/x.py": READ, ".env": "LOG_LEVEL=WARNING\n"}),
    "a level of syslog": Case({"services/a/x.py": READ, ".env": "LOG_LEVEL=notice\n"}),
    "a level by number": Case({"services/a/x.py": READ, ".env": "LOG_LEVEL=30\n"}),
    "levels by module": Case({"services/a/x.py": READ, ".env": "LOG_LEVEL=info,http=debug\n"}),
    "a level that nobody reads": Case({"services/a/x.py": "x = 1\n", ".env": "LOG_LEVEL=verbos\n"}),
    "nothing declared": Case({"services/a/x.py": FIXED, ".env": "A=1\n"}),
}  # fmt: skip


@pytest.mark.parametrize("case", DRIFT.values(), ids=DRIFT.keys())
def test_log_levels_and_formats(case: Case, tmp_path: Path) -> None:
    check(log_drift, case, tmp_path)


def test_the_declaration_and_the_code_are_quoted(tmp_path: Path) -> None:
    files = {"services/a/x.py": FIXED, ".env": "LOG_LEVEL=debug\n"}
    (symptom,) = found(log_drift, Case(files), tmp_path)
    assert [quote.text for quote in symptom.evidence] == [
        "LOG_LEVEL=debug",
        "logging.basicConfig(level=logging.INFO)",
    ]
