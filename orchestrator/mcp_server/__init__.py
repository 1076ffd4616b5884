"""The MCP server: the table of read-only functions, the report and the findings for any MCP client, over stdio."""
