"""One session: graph, phases, supervision, services."""
