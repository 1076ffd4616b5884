"""Logs: following, parsing, templates and stack traces."""
