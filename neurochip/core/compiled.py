"""`kernel`: how a function of the core is compiled. It is inlined where it is called, and only there: never called from Python."""

from numba import njit

# Without wrappers for Python and C, which would unpack every array of a core, the engine compiles in half the time; with NumPy's error
# model a division by a variable is one instruction (nothing in the core divides by zero).
kernel = njit(forceinline=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
outlined = njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
