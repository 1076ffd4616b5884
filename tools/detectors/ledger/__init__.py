"""The conservation ledger: for each group, that no message came or went unseen, or what cannot be known and why."""
