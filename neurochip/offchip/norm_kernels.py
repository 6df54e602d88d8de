"""Compiled kernels of normed layers: all ticks of a layer in one pass, norm and neuron in the same loop.

`spike_bp/normed.py` has the equations. Arrays are flat, (ticks, units) with the channel as the fastest index, of float32, or of uint16 that
hold bfloat16. `scale` and `sums` are as wide as a block of units, a whole number of channels. Work is cut into parts that no number of
threads changes, so neither does a result.
"""

import numba
import numpy as np
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload

PARTS = 8  # sums are made in so many parts, which are added up in order
fused = numba.njit(cache=True, parallel=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"})  # NaN stays NaN


@intrinsic
def _float_of(typingctx, bits):  # type: ignore[no-untyped-def]
    """float32 of these 32 bits."""
    return types.float32(types.uint32), lambda context, builder, sig, args: builder.bitcast(args[0], cgutils.ir.FloatType())


@intrinsic
def _bits_of(typingctx, number):  # type: ignore[no-untyped-def]
    """The 32 bits of a float32."""
    return types.uint32(types.float32), lambda context, builder, sig, args: builder.bitcast(args[0], cgutils.ir.IntType(32))


def number(stored):  # type: ignore[no-untyped-def]
    """Return a stored number as float32."""
    raise NotImplementedError


@overload(number)
def _number(stored):  # type: ignore[no-untyped-def]
    if isinstance(stored, types.Integer):
        return lambda stored: _float_of(np.uint32(np.uint32(stored) << np.uint32(16)))
    return lambda stored: stored


def stored_as(value, like):  # type: ignore[no-untyped-def]
    """Return a float32 as it is stored in the array `like`; to bfloat16 it is rounded to the nearest, half to even."""
    raise NotImplementedError


@overload(stored_as)
def _stored_as(value, like):  # type: ignore[no-untyped-def]
    if isinstance(like.dtype, types.Integer):

        def rounded(value, like):  # type: ignore[no-untyped-def]
            bits = _bits_of(value)
            return np.uint16(np.uint32(bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16))

        return rounded
    return lambda value, like: value


@fused
def squares(current, sums):
    """Add to sums float32 (PARTS, block) the squares of current (numbers,), by place in a block."""
    width = sums.shape[1]
    blocks = (len(current) + width - 1) // width
    for part in numba.prange(PARTS):
        mine = sums[part]
        for block in range(part * blocks // PARTS, (part + 1) * blocks // PARTS):
            row = current[block * width : min(len(current), (block + 1) * width)]
            for j in range(len(row)):
                x = number(row[j])
                mine[j] += x * x


@fused
def normed_fire(current, scale, level, taken, leak, is_hard, spikes):
    """Set spikes (ticks, units): of potentials that add up scale * current, and fire above `level`, which takes `taken` or all of them."""
    ticks, units = current.shape
    width = len(scale)
    for block in numba.prange((units + width - 1) // width):
        first, last = block * width, min(units, (block + 1) * width)
        v = np.zeros(last - first, np.float32)
        for t in range(ticks):
            flow, fired = current[t, first:last], spikes[t, first:last]
            one, none = stored_as(np.float32(1.0), spikes), stored_as(np.float32(0.0), spikes)
            for j in range(len(v)):
                x = v[j] + scale[j] * number(flow[j])
                is_above = x > level
                fired[j] = one if is_above else none
                rest = np.float32(0.0) if is_hard else x - taken
                v[j] = (rest if is_above else x) * leak


@fused
def normed_blame(grad, spikes, current, gain, leak, log_leak, is_gated, sums):
    """Turn the gradient of spikes (ticks, units) into that of scaled currents, in place, and add its products with `current` to sums.

    As `kernels.blame`; with `is_gated` a unit that fired in every tick hands nothing back. `sums` float32 (PARTS, block).
    """
    ticks, units = grad.shape
    width = sums.shape[1]
    blocks = (units + width - 1) // width
    for part in numba.prange(PARTS):
        mine = sums[part]
        factor, count, later = np.empty(width, np.float32), np.empty(width, np.float32), np.empty(width, np.float32)
        for block in range(part * blocks // PARTS, (part + 1) * blocks // PARTS):
            first, last = block * width, min(units, (block + 1) * width)
            n = last - first
            factor[:], count[:], later[:] = np.float32(0.0), np.float32(0.0), np.float32(0.0)
            for t in range(ticks):
                s = spikes[t, first:last]
                for j in range(n):
                    x = number(s[j])
                    factor[j] = factor[j] * leak + x
                    count[j] += x
            for j in range(n):
                ng = np.float32(1.0) + log_leak * factor[j] / max(count[j], np.float32(1.0))
                factor[j] = np.float32(0.0) if is_gated and count[j] == np.float32(ticks) else ng * gain
            for t in range(ticks - 1, -1, -1):
                s, g, c = spikes[t, first:last], grad[t, first:last], current[t, first:last]
                for j in range(n):
                    y = number(g[j]) * factor[j] if number(s[j]) != np.float32(0.0) else later[j]
                    later[j] = y
                    mine[j] += y * number(c[j])
                    g[j] = stored_as(y, grad)


@fused
def through_norm(grad, current, scale, drawn):
    """Turn the gradient of scaled currents (numbers,) into that of currents, in place: scale * grad - drawn * current."""
    width = len(scale)
    for block in numba.prange((len(grad) + width - 1) // width):
        first, last = block * width, min(len(grad), (block + 1) * width)
        g, c = grad[first:last], current[first:last]
        for j in range(len(g)):
            g[j] = stored_as(np.float32(scale[j] * number(g[j]) - drawn[j] * number(c[j])), grad)


@fused
def normed_pool(source, side, weight, level, taken, leak, is_hard, spikes):
    """Fire pooling neurons from spikes (ticks, images, height, width, channels), side x side each."""
    ticks, images, height, width, channels = spikes.shape
    for row in numba.prange(images * height):
        image, y = row // height, row % height
        one, none = stored_as(np.float32(1.0), spikes), stored_as(np.float32(0.0), spikes)
        u = np.zeros((width, channels), np.float32)
        for t in range(ticks):
            for x in range(width):
                v, fired = u[x], spikes[t, image, y, x]
                for dy in range(side):
                    for dx in range(side):
                        arriving = source[t, image, y * side + dy, x * side + dx]
                        for c in range(channels):
                            v[c] += number(arriving[c]) * weight
                for c in range(channels):
                    is_above = v[c] > level
                    fired[c] = one if is_above else none
                    rest = np.float32(0.0) if is_hard else v[c] - taken
                    v[c] = (rest if is_above else v[c]) * leak
