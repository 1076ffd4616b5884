"""Order intake and payment tracking."""
