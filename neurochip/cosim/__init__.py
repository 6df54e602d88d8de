"""The RTL twin from the simulator's side: parameters, expected cycles, builds, lock-step, golden export. docs/rtl.md is the contract."""
