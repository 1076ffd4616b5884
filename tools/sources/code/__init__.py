"""Code: syntax trees, and what a name stands for."""
