"""neurochip: a hardware-oriented simulator of spike-only on-chip learning."""

from neurochip import _compile_cache
from neurochip._version import __version__

__all__ = ["__version__"]

_compile_cache.set_cache_folder()
