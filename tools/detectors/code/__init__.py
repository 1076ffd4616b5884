"""Rules over code."""
