"""Tables, plots and pages about a run, made from its directory only (`summary.json` and `run.h5`)."""
