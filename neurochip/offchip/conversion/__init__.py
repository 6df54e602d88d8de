"""An ANN becomes a spiking net: thresholds balanced, fidelity measured, results written."""
