"""The daemon: it sees runs begin and end, and leads each that has ended through one chain, exactly once."""
