"""The functions that a model or an MCP client may call: one table, typed, read-only, paged, masked and bounded."""
