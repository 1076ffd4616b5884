"""The phases of a session, one module each: `run(session, state)` does its work and says what changed."""
