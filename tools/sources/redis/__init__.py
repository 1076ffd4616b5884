"""Redis, read-only: client, discovery, polls, exact lag."""
