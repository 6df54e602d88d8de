"""Compiled kernels of layers whose activations are rates of spikes: norm, steps and their gradient in one pass each.

`rates.py` has the equations. Arrays are flat with the channel as the fastest index, of float32 or of uint16 that hold bfloat16; `scale`
and `sums` are as wide as a block of numbers, a whole number of channels (`norm_kernels.py`, whose parts and storage these share).
"""

import numba
import numpy as np

from neurochip.offchip.norm_kernels import PARTS, fused, number, stored_as


@fused
def rates_of(current, scale, steps, rates):
    """Set rates (numbers,): of scale * current, in thresholds per tick, the spikes of so many `steps`, as a share of these."""
    width = len(scale)
    share = np.float32(1.0) / steps
    for block in numba.prange((len(current) + width - 1) // width):
        first, last = block * width, min(len(current), (block + 1) * width)
        c, r = current[first:last], rates[first:last]
        for j in range(len(c)):
            spikes = np.ceil(steps * scale[j] * number(c[j]) - np.float32(0.5))
            r[j] = stored_as(np.float32(min(max(spikes, np.float32(0.0)), steps) * share), rates)


@fused
def blame_of(grad, current, scale, back, sums):
    """Set back (numbers,): the gradient of scale * current, that of the rate from 0 to 1; add its products with current to sums."""
    width = sums.shape[1]
    blocks = (len(grad) + width - 1) // width
    for part in numba.prange(PARTS):
        mine = sums[part]
        for block in range(part * blocks // PARTS, (part + 1) * blocks // PARTS):
            first, last = block * width, min(len(grad), (block + 1) * width)
            g, c, out = grad[first:last], current[first:last], back[first:last]
            for j in range(len(g)):
                now = number(c[j])
                x = scale[j] * now
                y = number(g[j]) if x > np.float32(0.0) and x < np.float32(1.0) else np.float32(0.0)
                mine[j] += y * now
                out[j] = stored_as(y, back)
