"""The ANN of an experiment's layers: trained here, or read from a PyTorch state dict."""
