"""The store: what sessions left, in one SQLite database. It reads journals, and nothing in a session waits for it."""
