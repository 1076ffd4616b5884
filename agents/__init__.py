"""Who looks when: the four specialists, as watcher processes and as nodes of the session graph."""
