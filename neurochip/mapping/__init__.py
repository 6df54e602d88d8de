"""Layers become parts on cores: shapes, axons, widths, places on the mesh."""
