"""The records of the cycles in which a core reads or writes its synapse memory: sums forward and back, and learning (docs/rtl.md).

Functions as in `cycle_records.py`: they take the core before the simulator's own kernel of the phase, and write records from `at` on.
"""

from neurochip.core.borrow import borrow
from neurochip.core.compiled import kernel
from neurochip.core.encoder import LIKELY_FROM
from neurochip.core.soma import draws_per_step, groups
from neurochip.core.vectors import Feedback, P, Queue
from neurochip.cosim.core.cycle_records import Cover, Head, Tail, issue, put, turned
from neurochip.cosim.core.record import State


@kernel
def turned_ring(value, turn):
    """Move 64 bits up by `turn` in a ring of 64 bits; all is int64, so the shift down is masked."""
    by = turn & 63
    return value if by == 0 else (value << by) | ((value >> (64 - by)) & ((1 << by) - 1))


@kernel
def fold_fields(memory, at, apart, n, bits):
    """Pack n fields of a flat memory, `apart` from each other, from bit 0 up, and XOR-fold them to 64 bits."""
    folded, mask = 0, (1 << bits) - 1
    for f in range(n):
        folded ^= turned(int(memory[at + f * apart]) & mask, f * bits)
    return folded


@kernel
def fold_word(memory, at, n, bits, word, param):
    """Pack the n fields of a row's word and XOR-fold them to 64 bits, where they lie in their access."""
    return turned_ring(fold_fields(memory, at, 1, n, bits), word % param[P.WORDS_PER_ACCESS] * param[P.WORD_BITS])


@kernel
def fold_line(memory, row, first, n, bits, param):
    """Pack n fields of a row from `first`, the first of an access, into words side by side, and XOR-fold them to 64 bits."""
    folded, mask, fields, word_bits = 0, (1 << bits) - 1, param[P.FIELDS_PER_WORD], param[P.WORD_BITS]
    for f in range(n):
        folded ^= turned(int(memory[row + first + f]) & mask, f // fields * word_bits + f % fields * bits)
    return folded


@kernel
def emit_integrate(core, bits, sums, records, at, cover):
    """Emit a cycle per spike and access to its row; `sums` int64 (n_neurons,) ends as the potentials."""
    for j in range(core.param[P.N_NEURONS]):
        sums[j] = core.bias[j]
    for k in range(core.queue[Queue.SPIKES]):
        at = emit_row(core, int(core.axons[k]), 1, 0, bits, sums, records, at, cover)
    return at


@kernel
def emit_deltas(core, bits, tick, pixels, sums, records, at, cover):
    """Emit what a delta core adds: in a sample's first tick the rows that make the base sum, in every tick those of axons that deviate."""
    weight, k = core.weight, 0
    for j in range(core.param[P.N_NEURONS]):
        sums[j] = core.bias[j]
    for i in range(core.param[P.N_AXONS]):
        if pixels[i] < LIKELY_FROM:
            continue
        if tick == 0:
            at = emit_row(core, i, 1, 1 << Head.FLAG, bits, sums, records, at, cover)
        else:
            for j in range(core.param[P.N_NEURONS]):
                sums[j] += int(weight[i, j])
    for i in range(core.param[P.N_AXONS]):
        is_likely = pixels[i] >= LIKELY_FROM
        spiked = k < core.queue[Queue.SPIKES] and core.axons[k] == i
        k += spiked
        if spiked != is_likely:
            sign = -1 if is_likely else 1
            at = emit_row(core, i, sign, 1 << Head.SIGN if is_likely else 0, bits, sums, records, at, cover)
            cover[Cover.MINUS_ROW if is_likely else Cover.PLUS_ROW] += 1
    return at


@kernel
def emit_row(core, axon, sign, marks, bits, sums, records, at, cover):
    """Emit a cycle per access to an axon's row, added or (sign -1) taken away; `marks` are bits of the head."""
    param = core.param
    n_neurons, accesses, stride, narrow = param[P.N_NEURONS], param[P.ROW_ACCESSES], param[P.STRIDE], param[P.ACC_NARROW]
    fields = param[P.FIELDS_PER_WORD] * param[P.WORDS_PER_ACCESS]
    memory, low, high = borrow(core.weight, 0, (core.weight.size,)), param[P.ACC_MIN], param[P.ACC_MAX]
    for w in range(accesses):
        first = w * fields
        n, row = min(fields, n_neurons - first), axon * stride + first
        issue(records, at, Head.ROW_READ, axon * accesses + w)
        data = fold_line(memory, axon * stride, first, n, bits, param)
        words = (n + param[P.FIELDS_PER_WORD] - 1) // param[P.FIELDS_PER_WORD]
        at = put(records, at, State.INTEGRATE, axon, w, data, 0, words)
        records[at - 1, 0] |= marks
        clamped = 0
        for f in range(n if narrow or param[P.DELTA] else 0):
            total = sums[first + f] + sign * int(memory[row + f])
            cover[Cover.ACC_HIGH] += total > high
            cover[Cover.ACC_LOW] += total < low
            clamped += total > high or total < low
            sums[first + f] = min(max(total, low), high)
        events = 1 << Tail.WORD_READ | (1 << Tail.SPIKE_IN if w == 0 else 0)
        records[at - 1, 3] = events | clamped << Tail.CLAMPED_OR_LOST | n << Tail.ADDED_OR_STEPPED
    return at


@kernel
def emit_back(core, bits, sums, minus, records, at, cover):
    """Emit a cycle per own error of the previous tick and access, by column, by row or by fixed signs.

    If they are narrow, `sums` and, of split streams, `minus`, int64 (n_axons,), end as the error sums.
    """
    param = core.param
    n_axons, fields, stride, accesses = param[P.N_AXONS], param[P.FIELDS_PER_WORD], param[P.STRIDE], param[P.COLUMN_ACCESSES]
    width, has_port, side_by_side = param[P.COLUMN_WIDTH], param[P.TRANSPOSABLE], fields * param[P.WORDS_PER_ACCESS]
    memory, by_signs = borrow(core.weight, 0, (core.weight.size,)), param[P.FEEDBACK] == Feedback.RANDOM
    if by_signs:
        memory, width = borrow(core.feedback, 0, (core.feedback.size,)), param[P.SIGN_WIDTH]
        accesses = groups(n_axons, width)
    sums[:n_axons], minus[:n_axons] = 0, 0
    for e in range(core.queue[Queue.OWN_ERRORS]):
        neuron, sign = int(core.own_neurons[e]), int(core.own_signs[e])
        for a in range(accesses):
            if by_signs:
                first, n = a * width, min(width, n_axons - a * width)
                data = fold_signs(memory, first * stride + neuron, stride, width)
                issue(records, at, Head.COLUMN_READ_ISSUED, neuron * accesses + a)
            elif has_port or width > 1:
                first, n = a * width, min(width, n_axons - a * width)
                data = fold_fields(memory, first * stride + neuron, stride, n, bits)
                issue(records, at, Head.COLUMN_READ_ISSUED, neuron * accesses + a)
            else:
                word = neuron // fields
                first, n = a, 1
                data = fold_word(memory, a * stride + word * fields, min(fields, param[P.N_NEURONS] - word * fields), bits, word, param)
                issue(records, at, Head.ROW_READ, a * param[P.ROW_ACCESSES] + neuron // side_by_side)
            at = put(records, at, State.BACK_INTEGRATE, neuron, a, data, 0, 0 if has_port or by_signs else n)
            clamped = 0
            for f in range(n if param[P.BACK_NARROW] else 0):
                term = sign * int(memory[(first + f) * stride + neuron])
                clamped += add_one(param, minus if param[P.SPLIT] and term < 0 else sums, first + f, term, cover)
            drawn = (draws_per_step(core, n_axons) if e == 0 and a == 0 else 0) + by_signs
            events = 0 if by_signs else 1 << Tail.COLUMN_READ if has_port else 1 << Tail.WORD_READ
            records[at - 1, 3] = events | drawn << Tail.RNG_DRAW | clamped << Tail.CLAMPED_OR_LOST | n << Tail.ADDED_OR_STEPPED
    return at


@kernel
def add_one(param, sums, axon, term, cover):
    """Add a term to an error sum, clamped. Return 1 if it was, else 0."""
    total = sums[axon] + term
    cover[Cover.BACK_HIGH] += total > param[P.BACK_MAX]
    cover[Cover.BACK_LOW] += total < param[P.BACK_MIN]
    sums[axon] = min(max(total, param[P.BACK_MIN]), param[P.BACK_MAX])
    return int(sums[axon] != total)


@kernel
def fold_signs(memory, at, apart, n):
    """XOR-fold n fixed signs of a flat memory, `apart` from each other, to 64 bits: 1 is minus."""
    folded = 0
    for f in range(n):
        folded ^= turned(int(memory[at + f * apart] < 0), f)
    return folded


@kernel
def emit_learn(core, bits, direction, touched, records, at, cover):
    """Emit two cycles per spike and access with a touched word: its address, and the words read and written; before the rule writes."""
    param = core.param
    fields, beside, accesses = param[P.FIELDS_PER_WORD], param[P.WORDS_PER_ACCESS], param[P.ROW_ACCESSES]
    memory = borrow(core.weight, 0, (core.weight.size,))
    for k in range(core.queue[Queue.SPIKES]):
        axon = int(core.axons[k])
        for a in range(accesses):
            words, data, stepped, lost = 0, 0, 0, 0
            for w in range(a * beside, min((a + 1) * beside, param[P.ROW_WORDS])):
                if touched[w] == 0:
                    continue
                n = min(fields, param[P.N_NEURONS] - w * fields)
                changed, gone, folded = step_word(param, memory, axon * param[P.STRIDE], w * fields, n, bits, direction, cover)
                words, stepped, lost = words + 1, stepped + changed, lost + gone
                data ^= turned_ring(folded, w % beside * param[P.WORD_BITS])
                cover[Cover.SHARED_WORD] += touched[w] > 1
                cover[Cover.PARTIAL_WORD] += n < fields
            if words == 0:
                continue
            address = axon * accesses + a
            at = put(records, at, State.LEARN_READ, axon, a, 0, 0, words)
            records[at - 1, 0] |= 1 << Head.ROW_READ | (address & 0xFFFFF) << Head.ADDRESS
            records[at - 1, 3] = 1 << Tail.WORD_READ
            at = put(records, at, State.LEARN_WRITE, axon, a, data, 0, words)
            records[at - 1, 0] |= 1 << Head.ROW_WRITE | (address & 0xFFFFF) << Head.ADDRESS
            records[at - 1, 3] = 1 << Tail.WORD_WRITE | lost << Tail.CLAMPED_OR_LOST | stepped << Tail.ADDED_OR_STEPPED
    return at


@kernel
def step_word(param, memory, row, first, n, bits, direction, cover):
    """Return what the rule changes in the n fields of a word from `first`, what is lost at rails, and the word before ^ after, folded."""
    before, after, stepped, lost, mask = 0, 0, 0, 0, (1 << bits) - 1
    for f in range(n):
        value, sign = int(memory[row + first + f]), direction[first + f]
        is_stuck = sign != 0 and value == (param[P.WEIGHT_MAX] if sign > 0 else param[P.WEIGHT_MIN])
        before ^= turned(value & mask, f * bits)
        after ^= turned((value if is_stuck else value + sign) & mask, f * bits)
        lost += is_stuck
        stepped += sign != 0 and not is_stuck
        cover[Cover.WEIGHT_HIGH] += is_stuck and sign > 0
        cover[Cover.WEIGHT_LOW] += is_stuck and sign < 0
    return stepped, lost, before ^ turned_ring(after, 1)
