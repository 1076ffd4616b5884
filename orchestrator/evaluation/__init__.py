"""How right the rules about code are, measured on repositories that were labelled by hand."""
