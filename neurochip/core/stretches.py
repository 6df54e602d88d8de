"""Rows under the taps of drawn places, found by stretches: axons one after another whose rows lie at equal steps. docs/decisions/038.

To look up, spike by spike, up to nine locations and put its row on their lists was most of a convolution's time. Here a tick's spikes are
flags, a byte for each axon, and a location reads those under its taps, 16 at a time. The lists are the same, in the same order.

The sum of a short stretch is one row of a table: that of all subsets of its rows, made anew when weights have changed. Its flags, as bits,
are the number of the row. Lists are then made of those locations alone that learn. Sums do not depend on the order as long as nothing
clamps; what is counted is what the modelled chip does.
"""

import os

import numpy as np
from llvmlite import ir
from numba import types
from numba.core.cgutils import unpack_tuple
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

from neurochip.core.bits import lowest_bit, ones
from neurochip.core.borrow import borrow
from neurochip.core.compiled import kernel, outlined
from neurochip.core.cores import core_view
from neurochip.core.emit import LANES, constant, data_of, vector_at
from neurochip.core.still import is_learning, is_wide
from neurochip.core.vector import BLOCKS, add_rows_block, flag_bits
from neurochip.core.vectors import N_STRETCH, Layout, P, Piece, Queue, Still, Stretch

ONE = np.uint64(1)
STALE, FRESH = 2, 1  # of a table
_I8, _I16, _I32, _I64 = (ir.IntType(bits) for bits in (8, 16, 32, 64))


@intrinsic
def _sum_rows(typing_context, start, acc, table, rows, n):
    def codegen(context, builder, signature, args):
        arrays = [data_of(context, builder, t, a) for t, a in zip(signature.args[:4], args[:4], strict=True)]
        stride = unpack_tuple(builder, make_array(signature.args[2])(context, builder, args[2]).shape)[1]
        column = constant(0)
        for n_vectors in BLOCKS:
            column = add_rows_block(builder, n_vectors, column, arrays, args[4], stride)
        return context.get_dummy_value()

    return types.void(start, acc, table, rows, types.intp), codegen


@intrinsic
def _list_stretch(typing_context, flags, first, n, row, step, out, count):
    def codegen(context, builder, signature, args):
        flags, out = data_of(context, builder, signature.args[0], args[0]), data_of(context, builder, signature.args[5], args[5])
        first, n, row, step, count_0 = (*args[1:5], args[6])
        kind, mask_kind = ir.VectorType(_I32, LANES), ir.VectorType(ir.IntType(1), LANES)
        store = builder.module.declare_intrinsic(
            f"llvm.masked.compressstore.v{LANES}i32", (), ir.FunctionType(ir.VoidType(), [kind, _I32.as_pointer(), mask_kind])
        )
        popcount = builder.module.declare_intrinsic("llvm.ctpop", [_I16])
        lanes = ir.Constant(kind, list(range(LANES)))

        def splat(value):
            one = builder.insert_element(ir.Constant(kind, ir.Undefined), builder.trunc(value, _I32), ir.Constant(_I32, 0))
            return builder.shuffle_vector(one, ir.Constant(kind, ir.Undefined), ir.Constant(kind, None))

        steps = builder.mul(lanes, splat(step))
        loop, end = builder.append_basic_block("stretch"), builder.append_basic_block("stretch_end")
        before = builder.block
        builder.branch(loop)
        builder.position_at_end(loop)
        i, count = builder.phi(_I64), builder.phi(_I64)
        found = builder.load(vector_at(builder, flags, builder.add(first, i), _I8), align=1)
        is_set = builder.icmp_unsigned("!=", found, ir.Constant(ir.VectorType(_I8, LANES), None))
        mask = builder.and_(is_set, builder.icmp_signed("<", lanes, splat(builder.sub(n, i))))
        rows = builder.add(steps, splat(builder.add(row, builder.mul(i, step))))
        builder.call(store, [rows, builder.gep(out, [count]), mask])
        bits = builder.call(popcount, [builder.bitcast(mask, _I16)])
        i_next, count_next = builder.add(i, constant(LANES)), builder.add(count, builder.zext(bits, _I64))
        builder.cbranch(builder.icmp_signed("<", i_next, n), loop, end)
        for phi, begin, again in ((i, constant(0), i_next), (count, count_0, count_next)):
            phi.add_incoming(begin, before)
            phi.add_incoming(again, loop)
        builder.position_at_end(end)
        return count_next

    numbers = (types.intp,) * 4
    return types.intp(flags, *numbers, out, types.intp), codegen


@intrinsic
def _bits_at(typing_context, bits, first):
    def codegen(context, builder, signature, args):
        data = builder.bitcast(data_of(context, builder, signature.args[0], args[0]), _I8.as_pointer())
        at = builder.bitcast(builder.gep(data, [builder.lshr(args[1], constant(3))]), _I32.as_pointer())
        word = builder.zext(builder.load(at, align=1), _I64)
        return builder.lshr(word, builder.and_(args[1], constant(7)))

    return types.int64(bits, types.intp), codegen


if os.environ.get("NUMBA_DISABLE_JIT", "0") in ("", "0"):
    sum_rows, list_stretch, bits_at = _sum_rows, _list_stretch, _bits_at
else:

    def sum_rows(start, acc, table, rows, n):
        """acc[j] = start[j] + the sum of table[rows[k], j] for k < n. start, acc int32 (stride,), table int16 or int32 (rows, stride)."""
        acc[:] = start
        for k in range(n):
            for j in range(len(acc)):
                acc[j] = int(acc[j]) + int(table[rows[k], j])

    def list_stretch(flags, first, n, row, step, out, count):
        """Write row + i * step for every i < n with flags[first + i] != 0 to `out` from `count` on, in order; return the new count."""
        for i in range(n):
            if flags[int(first) + i]:
                out[count] = int(row) + i * int(step)
                count += 1
        return count

    def bits_at(bits, first):
        """Return bits [first, first + 25) of uint16 words (and a few more), the first one lowest."""
        at = int(first)
        words = sum(int(bits[at // 16 + k]) << 16 * k for k in range(3))
        return (words >> at % 16) & ((1 << 25) - 1)


@kernel
def flag_spikes(core):
    """Set the flags of the axons that spiked. Return the look-ups of their fans."""
    arrived, axons, fan_first, looked = core.arrived, core.axons, core.fan_first, 0
    for i in range(core.param[P.N_AXONS] + LANES):
        arrived[i] = 0
    for k in range(core.queue[Queue.SPIKES]):
        axon = np.uint64(axons[k])
        arrived[axon] = 1
        looked += int(fan_first[axon + ONE]) - int(fan_first[axon])
    return looked


@kernel
def stretches_of(core, at):
    """Return where the stretches of a location's drawn place begin in the flat list, and end. Unsigned: none counts from the end."""
    place = np.uint64(at * core.param[P.CANDIDATES] + core.drawn[at])
    first, end = np.uint64(core.stretch_first[place]), np.uint64(core.stretch_first[place + ONE])
    return first * np.uint64(N_STRETCH), end * np.uint64(N_STRETCH)


@kernel
def list_stretches(core, at, stretch):
    """List the rows under the taps of a location's drawn place whose axon spiked, by axons. Return how many."""
    room, step, n = core.row_list.shape[1], core.param[P.STRETCH_STEP], 0
    rows, (s, end) = borrow(core.row_list, at * room, (room,)), stretches_of(core, at)
    while s < end:
        first, row, length = (
            stretch[s + np.uint64(Stretch.AXON)],
            stretch[s + np.uint64(Stretch.ROW)],
            stretch[s + np.uint64(Stretch.LENGTH)],
        )
        n = list_stretch(core.arrived, first, length, row, step, rows, n)
        s += np.uint64(N_STRETCH)
    core.row_count[at] = n
    return n


@kernel
def sum_by_table(core):
    """Set the sums of every location from the tables. Return how many rows that were."""
    param, stride, added = core.param, core.param[P.STRIDE], 0
    if core.still[Still.TABLED] == STALE:
        fill_table(core)
        core.still[Still.TABLED] = FRESH
    stretch, rows, bits = borrow(core.stretch, 0, (core.stretch.size,)), borrow(core.row_list, 0, (core.row_list.size,)), core.arrived_bits
    flag_bits(core.arrived, param[P.N_AXONS], bits)
    for at in range(param[P.LOCATIONS]):
        n, (s, end) = np.uint64(0), stretches_of(core, at)
        while s < end:
            length = stretch[s + np.uint64(Stretch.LENGTH)]
            found = bits_at(bits, stretch[s + np.uint64(Stretch.AXON)]) & ((1 << length) - 1)
            rows[n] = stretch[s + np.uint64(Stretch.ENTRY)] + found
            added += ones(found)
            n += ONE
            s += np.uint64(N_STRETCH)
        sum_rows(core.bias, borrow(core.acc, at * stride, (stride,)), core.table, rows, np.int64(n))
    return added


@kernel
def add_stretches(core, place, channel, sign):
    """Add back[axon] += sign * weight[row, channel] for all under a place's taps: sums that cannot overflow."""
    weight, back = core.weight, core.back
    stretch, stride = borrow(core.stretch, 0, (core.stretch.size,)), core.param[P.STRIDE]
    apart = core.param[P.STRETCH_STEP] * stride
    for s in range(core.stretch_first[place] * N_STRETCH, core.stretch_first[place + 1] * N_STRETCH, N_STRETCH):
        n = stretch[s + Stretch.LENGTH]
        sums = borrow(back, int(stretch[s + Stretch.AXON]), (n,))
        rows = borrow(weight, int(stretch[s + Stretch.ROW]) * stride + channel, ((n - 1) * apart + 1,))
        for k in range(n):
            sums[k] = np.int32(sums[k] + np.int32(sign * np.int32(rows[np.uint64(k) * np.uint64(apart)])))


@outlined
def make_tables(chip, run):
    """Note which cores have tables, none of which is made yet: not those whose sums could clamp, in this call."""
    for c in range(chip.param.shape[0]):
        core = core_view(chip, c, 0)
        has_table = core.param[P.LAYOUT] == Layout.SHARED and core.param[P.TABLE_BITS] > 0
        is_bound = not core.param[P.ACC_NARROW] or not is_learning(core.param, run)  # else weights could pass their bound
        core.still[Still.TABLED] = STALE if has_table and is_bound and core.param[P.UPSETS] == 0 and is_wide(core) else 0


@kernel
def spoil_table(still):
    """Note that weights have changed since a core's table was made."""
    if still[Still.TABLED] != 0:
        still[Still.TABLED] = STALE


@outlined
def fill_table(core):
    """Sum up all subsets of every piece's rows: each is one with a row less, and that row."""
    weight, table, bits, step, stride = core.weight, core.table, core.param[P.TABLE_BITS], core.param[P.STRETCH_STEP], core.param[P.STRIDE]
    rows = borrow(core.row_list, 0, (core.row_list.size,))
    for p in range(core.param[P.PIECES]):
        first = p << bits
        for j in range(stride):
            table[first, j] = 0
        for subset in range(1, 1 << bits):
            row = lowest_bit(subset)
            rows[0] = core.piece[p, Piece.ROW] + row * step
            before, entry = (
                borrow(table, (first + (subset & (subset - 1))) * stride, (stride,)),
                borrow(table, (first + subset) * stride, (stride,)),
            )
            sum_rows(before, entry, weight, rows, int(row < core.piece[p, Piece.LENGTH]))
