"""The audit as deterministic steps: sources, detectors, findings, synthesis, report."""
