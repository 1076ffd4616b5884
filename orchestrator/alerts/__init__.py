"""Alerts: who is told what, when, and what was kept from whom. A reader of sessions; no session waits for it."""
