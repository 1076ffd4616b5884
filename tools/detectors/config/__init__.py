"""Rules over configuration, code and server together."""
