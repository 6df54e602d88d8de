"""`neurochip map`: where the layers of an experiment go, before anything runs."""
