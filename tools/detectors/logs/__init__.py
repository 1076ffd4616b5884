"""Rules over log lines."""
