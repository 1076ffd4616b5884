"""Event flows: for each correlation id and message id, who published, consumed and acked, when and how late."""
