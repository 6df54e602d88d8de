"""Cores of a chip in lock-step with their RTL, cycle by cycle, and exported as golden vectors."""
