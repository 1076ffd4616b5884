"""Sessions that a platform starts: the dead-man ping around one, and what has it started. No session waits for it."""
