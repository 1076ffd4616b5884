"""Sessions against one another: what a session leaves for later ones, and what changed between two."""
