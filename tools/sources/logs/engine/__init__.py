"""Every line of every log is scanned here at once; only the few that may matter become objects."""
