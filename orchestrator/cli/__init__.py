"""The command line: commands, live view, exit codes."""
