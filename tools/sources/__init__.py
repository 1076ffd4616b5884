"""Sources: readers that turn the audited system into records."""
