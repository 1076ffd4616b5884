"""Synthesis: entities, causal rules, clusters, flows, health."""
