"""Nets in the neuromorphic intermediate representation (NIR), read and written."""
