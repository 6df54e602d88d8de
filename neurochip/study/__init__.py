"""Studies: many runs of one experiment with other settings, on several workers, and a page that compares them."""
