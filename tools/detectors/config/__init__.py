"""Rules over configuration, code and server together."""

from __future__ import annotations

from tools.detectors.config import (
    doc_default,
    doc_drift,
    env_mismatch,
    group_name_mismatch,
    log_drift,
    missing_env_var,
    missing_schema,
    naming_inconsistency,
    port_conflict,
    port_mismatch,
    rogue_stream,
    schema_drift,
    schema_version,
    version_mismatch,
)
from tools.detectors.contract import ConfigDetector

DETECTORS: tuple[ConfigDetector, ...] = (
    missing_env_var,
    env_mismatch,
    group_name_mismatch,
    rogue_stream,
    naming_inconsistency,
    port_conflict,
    port_mismatch,
    doc_drift,
    doc_default,
    schema_drift,
    schema_version,
    missing_schema,
    version_mismatch,
    log_drift,
)
"""Every rule module of this folder, one line each."""

OF_FILES: tuple[ConfigDetector, ...] = (
    missing_env_var,
    env_mismatch,
    port_conflict,
    port_mismatch,
    schema_version,
    missing_schema,
    log_drift,
    doc_default,
)
"""Those that say the same whether the server answers or not."""
