"""The hardware of a rule in the language of rules: SystemVerilog from its text, and the proof that it does what the Python says."""
