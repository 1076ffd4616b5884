"""Finished sessions as archives: written, verified, read, restored and pruned. It reads workspaces, and no session waits for more than its own."""
