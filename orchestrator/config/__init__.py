"""Configuration: model, loading, detection."""
