"""Single samples in full detail: recorded, shown on a timeline, and why a weight is what it is."""
