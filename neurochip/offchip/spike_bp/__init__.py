"""Spike-based backprop through leaky integrate-and-fire neurons (Lee et al. 2020)."""
