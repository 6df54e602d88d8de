"""neurochip: a hardware-oriented simulator of spike-only on-chip learning."""

from neurochip import _compile_cache, _systems
from neurochip._version import __version__

__all__ = ["__version__"]

_systems.require_supported()
_compile_cache.set_cache_folder()
