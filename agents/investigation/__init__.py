"""The investigation: ask the model, run its tools, validate, repair at most twice, gate, accept. One for all agents."""
