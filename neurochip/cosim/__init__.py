"""The RTL twin beside the simulator: built, run and compared, cycle by cycle (docs/rtl.md)."""
