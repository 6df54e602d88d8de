"""The inside of a neurosynaptic core.

In here only integers exist, every function is compiled, and every function is something silicon does. Nothing in here knows TOML,
units, files or names; it imports numpy, numba, the standard library and itself. Randomness is the state of a hardware generator.
Loads are widened with `int(a[i])`, arithmetic is done in 64 bits, and results are clamped to their width before they are stored:
so the compiled and the interpreted kernels (`NUMBA_DISABLE_JIT=1`) agree bit for bit, and the interpreter reports every store that
does not fit.
"""
