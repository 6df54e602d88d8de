"""Neurons with a memory in lock-step with their RTL."""
