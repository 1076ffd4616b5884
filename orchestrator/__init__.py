"""The session and the world around it: configuration, command line, phases, supervision."""
