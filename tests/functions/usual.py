"""Arguments with which every function of the table has something to tell of the made session."""

from __future__ import annotations

from collections.abc import Mapping

USUAL: Mapping[str, Mapping[str, object]] = {
    "redis_streams": {},
    "redis_history": {"stream": "orders"},
    "redis_stream": {"stream": "orders"},
    "redis_groups": {"stream": "orders"},
    "redis_consumers": {"stream": "orders", "group": "billing"},
    "redis_pending": {"stream": "orders", "group": "billing"},
    "redis_entries": {"stream": "orders"},
    "redis_info": {"section": "server"},
    "redis_clients": {},
    "logs_search": {"text": "order"},
    "logs_context": {"source": "logs/web.log", "byte_offset": 0},
    "logs_templates": {},
    "logs_flow": {"id": "c-1"},
    "code_uses": {},
    "code_streams": {},
    "code_env": {},
    "code_file": {"path": "web/main.py"},
    "code_search": {"pattern": "xadd|xreadgroup"},
    "config_facts": {},
    "config_schemas": {},
    "findings_list": {},
    "findings_get": {"id": "RSA-001"},
    "findings_clusters": {},
    "session_gaps": {},
    "session_events": {},
    "session_topology": {},
    "session_coverage": {},
}
