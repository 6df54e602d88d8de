"""The float twin, and how far spike-made changes are gradients."""
