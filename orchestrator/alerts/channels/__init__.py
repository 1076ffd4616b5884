"""The channels: one module each, behind one Protocol. Secrets come from the environment and are never told."""
