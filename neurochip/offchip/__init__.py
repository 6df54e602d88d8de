"""Training off the chip, on PyTorch: imported only by what trains. docs/learning_systems.md is the contract."""

from neurochip.common.errors import NeurochipError

try:
    import torch as torch
except ImportError as error:
    raise NeurochipError(f"training off the chip needs PyTorch ({error}); install it: pip install 'neurochip[offchip]'") from None
