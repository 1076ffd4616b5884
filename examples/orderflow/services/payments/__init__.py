"""Card authorisation."""
