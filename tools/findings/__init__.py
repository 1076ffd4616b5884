"""Findings: models, rules and symptoms, recorder, evidence, fingerprints, journals."""
