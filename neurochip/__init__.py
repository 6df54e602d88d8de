"""neurochip: a hardware-oriented simulator of spike-only on-chip learning."""

from neurochip import _compile_cache

__version__ = "0.1.0"

_compile_cache.set_cache_folder()
