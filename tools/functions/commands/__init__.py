"""Programs of this machine that functions may start: a fixed list, typed arguments, never a shell."""
