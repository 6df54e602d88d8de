"""One run from its start to a complete run directory."""
