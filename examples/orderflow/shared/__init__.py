"""What every orderflow service uses: names, Redis, logs, envelopes, the consumer loop."""
