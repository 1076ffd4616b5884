"""One file for whoever helps: what a support case needs, masked, bounded in time and size, read-only."""
