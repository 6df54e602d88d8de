"""Energy tables from a netlist: synthesise the core with a user's cells, count the toggles of its nets, price the simulator's events.

`flow.calibrate` is the whole way; every other module is one step of it and knows nothing of the next (docs/calibrate.md).
"""
