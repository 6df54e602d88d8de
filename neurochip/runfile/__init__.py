"""The files of a run, read: their form, checks, weights. Imports no simulator."""
