"""The network-on-chip in lock-step with its RTL."""
