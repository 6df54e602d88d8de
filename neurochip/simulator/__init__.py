"""A chip built from a mapping, and samples run on it, in plain Python around the kernels."""
