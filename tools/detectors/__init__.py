"""Detectors: one rule a module, pure functions from records to symptoms."""
