"""Compiled kernels of spiking layers on the CPU. `neurons.py` says what the neurons compute, `spike_driven.py` what a fan is.

Spikes are few, so only they cost: a spike adds its rows of weights to the currents; a weight's gradient has a term for every spike; and the
gradient of an output is needed only where there was a spike, because only there it passes (neurons.py). Arrays are (images, units), images
of all ticks one after another, or (ticks, units); of masks (images of one tick, units), or empty. Results do not depend on the number
of threads. All kernels are in this file, because compiled code is cached by file.
"""

import numba
import numpy as np

BLOCK = 2048  # units that a thread takes through the ticks at once
PARTS = 8  # parts of the images whose weight gradients are added up apart
exact = numba.njit(cache=True, parallel=True, error_model="numpy")
summing = numba.njit(cache=True, parallel=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"})  # NaN stays NaN


@summing
def add_currents(spikes, channels, first, fan, step, wide, mask, weight, is_added, current):
    """Set current (images, units) to what the spikes int8 (images, source's units) bring through their fans; with `is_added`, add it."""
    images, units = spikes.shape
    for n in numba.prange(images):
        fired, into = spikes[n], current[n]
        if not is_added:
            into[:] = np.float32(0.0)
        for j in range(units):
            if fired[j] == 0:
                continue
            value = np.float32(fired[j])
            if mask.size:
                value *= mask[n % len(mask), j]
                if value == 0.0:
                    continue
            location = j // channels
            c = j - location * channels
            for e in range(first[location], first[location + 1]):
                at, row, size = fan[e, 0] * wide, (fan[e, 1] + c * step) * wide, fan[e, 2] * wide
                to, rows = into[at : at + size], weight[row : row + size]
                for k in range(size):
                    to[k] += value * rows[k]


@summing
def add_weight_grads(grad, spikes, channels, first, fan, step, wide, mask, sums):
    """Add to sums (PARTS, weights) what each spike saw: the gradient of the currents it went into."""
    images, units = spikes.shape
    for part in numba.prange(PARTS):
        mine = sums[part]
        for n in range(part * images // PARTS, (part + 1) * images // PARTS):
            fired, seen = spikes[n], grad[n]
            for j in range(units):
                if fired[j] == 0:
                    continue
                value = np.float32(fired[j])
                if mask.size:
                    value *= mask[n % len(mask), j]
                    if value == 0.0:
                        continue
                location = j // channels
                c = j - location * channels
                for e in range(first[location], first[location + 1]):
                    at, row, size = fan[e, 0] * wide, (fan[e, 1] + c * step) * wide, fan[e, 2] * wide
                    of, rows = seen[at : at + size], mine[row : row + size]
                    for k in range(size):
                        rows[k] += value * of[k]


@summing
def spike_grads(grad, spikes, channels, first, fan, step, wide, mask, weight, is_added, found):
    """Set, or with `is_added` add to, found (images, source's units): the gradient of each spike, elsewhere 0."""
    images, units = spikes.shape
    for n in numba.prange(images):
        fired, seen, out = spikes[n], grad[n], found[n]
        for j in range(units):
            total = np.float32(0.0)
            if fired[j] != 0:
                location = j // channels
                c = j - location * channels
                for e in range(first[location], first[location + 1]):
                    at, row, size = fan[e, 0] * wide, (fan[e, 1] + c * step) * wide, fan[e, 2] * wide
                    of, rows = seen[at : at + size], weight[row : row + size]
                    part = np.float32(0.0)
                    for k in range(size):
                        part += of[k] * rows[k]
                    total += part
                if mask.size:
                    total *= mask[n % len(mask), j]
            out[j] = out[j] + total if is_added else total


@exact
def fire(current, u, level, taken, leak, is_hard, spikes):
    """Run membranes `u` float32 (units,) through the ticks of `current` float32 (ticks, units); set spikes int8 (ticks, units).

    They fire above `level`; a spike takes `taken`, or all.
    """
    ticks, units = current.shape
    for block in numba.prange((units + BLOCK - 1) // BLOCK):
        first, last = block * BLOCK, min(units, (block + 1) * BLOCK)
        v = u[first:last]
        for t in range(ticks):
            flow, fired = current[t, first:last], spikes[t, first:last]
            for j in range(len(v)):
                v[j] += flow[j]
            for j in range(len(v)):  # loops of one type each, so that they become vector instructions
                fired[j] = v[j] > level
            if is_hard:
                for j in range(len(v)):
                    x = v[j]
                    v[j] = (np.float32(0.0) if x > level else x) * leak
            else:
                for j in range(len(v)):
                    x = v[j]
                    v[j] = (x - taken if x > level else x) * leak


@exact
def blame(grad, spikes, gain, leak, log_leak):
    """Turn the gradient of spikes (ticks, units) into that of currents, in place: each tick's is the next spike's, times `gain` and NG."""
    ticks, units = grad.shape
    for block in numba.prange((units + BLOCK - 1) // BLOCK):
        first, last = block * BLOCK, min(units, (block + 1) * BLOCK)
        n = last - first
        factor, count, fired = np.zeros(n, np.float32), np.zeros(n, np.float32), np.zeros(n, np.float32)
        if log_leak != 0.0:
            for t in range(ticks):
                s = spikes[t, first:last]
                for j in range(n):
                    x = np.float32(s[j])
                    factor[j] = factor[j] * leak + x
                    count[j] += x
        for j in range(n):
            ng = np.float32(1.0)
            if count[j] > 0.0:
                ng += log_leak * factor[j] / count[j]
            factor[j] = ng * gain
        later = np.zeros(n, np.float32)
        for t in range(ticks - 1, -1, -1):
            s, g = spikes[t, first:last], grad[t, first:last]
            for j in range(n):
                fired[j] = np.float32(s[j])
            for j in range(n):
                x = g[j] * factor[j]
                y = x if fired[j] != 0.0 else later[j]
                later[j] = y
                g[j] = y


@exact
def pool_fire(source, side, weight, mask, u, level, taken, leak, is_hard, spikes):
    """Fire pooling neurons from their sources' spikes int8 (ticks, images, height, width, channels), side x side each.

    The mask has no ticks.
    """
    ticks, images, height, width, channels = spikes.shape
    for row in numba.prange(images * height):
        image, y = row // height, row % height
        total = np.empty(channels, np.float32)
        for t in range(ticks):
            for x in range(width):
                total[:] = np.float32(0.0)
                for dy in range(side):
                    for dx in range(side):
                        at_y, at_x = y * side + dy, x * side + dx
                        if mask.size:
                            for c in range(channels):
                                total[c] += source[t, image, at_y, at_x, c] * mask[image, at_y, at_x, c]
                        else:
                            for c in range(channels):
                                total[c] += np.float32(source[t, image, at_y, at_x, c])
                for c in range(channels):
                    v = u[image, y, x, c] + total[c] * weight
                    fires = v > level
                    spikes[t, image, y, x, c] = fires
                    rest = np.float32(0.0) if is_hard else v - taken
                    u[image, y, x, c] = (rest if fires else v) * leak


@exact
def unpool(grad, side, weight, mask, is_added, found):
    """Give each unit under a pooling neuron `weight` of its gradient: (ticks, images, height, width, channels) -> side times the grid."""
    ticks, images, height, width, channels = grad.shape
    for row in numba.prange(ticks * images * height):
        t, image, y = row // (images * height), row // height % images, row % height
        for dy in range(side):
            for x in range(width):
                for dx in range(side):
                    at_y, at_x = y * side + dy, x * side + dx
                    for c in range(channels):
                        g = grad[t, image, y, x, c] * weight
                        if mask.size:
                            g *= mask[image, at_y, at_x, c]
                        found[t, image, at_y, at_x, c] = found[t, image, at_y, at_x, c] + g if is_added else g
