"""Slow, obvious versions of the chip in plain Python, written from the contract and not from the kernels."""
