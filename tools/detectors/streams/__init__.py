"""Rules over polls."""
