"""Energy tables: prices with their provenance, by event, by size of a core."""
