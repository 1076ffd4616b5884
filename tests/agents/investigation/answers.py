"""Answers as a scripted model gives them."""

from __future__ import annotations

from typing import Any

from tests.agents.recorded import LINE


def explanation(finding_id: str = "LW-001", **more: Any) -> dict[str, Any]:
    return {
        "finding_id": finding_id,
        "hypothesis": "The stock service answers too late.",
        "recommendation": "Raise STOCK_TIMEOUT in orders.py.",
        "related_findings": [],
        "quotes": [{"source": "logs/orders.log", "text": LINE}],
        "confidence": 0.7,
    } | more


def own(**more: Any) -> dict[str, Any]:
    return {
        "title": "Orders are lost when stock is slow",
        "category": "BUG",
        "severity": "MEDIUM",
        "service": "orders",
        "stream": "",
        "consumer_group": "",
        "files": [],
        "hypothesis": "No retry.",
        "recommendation": "Retry.",
        "expected": "",
        "actual": "",
        "effort": "HOURS_2_4",
        "impact": "MEDIUM",
        "related_findings": ["LW-001"],
        "quotes": [{"source": "logs/orders.log", "text": LINE}],
        "confidence": 0.6,
    } | more


def answer(
    explanations: list[dict[str, Any]] | None = None,
    same: list[dict[str, Any]] | None = None,
    findings: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    return {"explanations": explanations or [], "same": same or [], "findings": findings or []}
