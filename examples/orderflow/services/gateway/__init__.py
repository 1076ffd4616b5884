"""The web shop front: takes orders, serves /health, shows stock."""
