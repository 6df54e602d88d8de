"""The two loops that decide the speed, as explicit vector code: adding weight rows, and listing the units that spiked.

LLVM's own vectoriser keeps the sums of `add_rows` in memory and checks eight pointers for overlap before every short loop; here the sums
stay in registers while the rows go by: 1.5 to 2 times faster for rows of 200, 9 times for rows of 10. It knows no scalar equivalent of
`compress`. Interpreted (`NUMBA_DISABLE_JIT=1`), both are the plain loops of their docstrings.
"""

import os

from llvmlite import ir
from llvmlite.binding import get_host_cpu_features
from numba import types
from numba.core.cgutils import unpack_tuple
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

from neurochip.core.emit import LANES, by_columns, constant, data_of, halves, looped, looped_if_any, vector_at

WORD_PADDING = 3  # words of LANES bits that are cleared behind the last one, for who reads 64 bits at once
# Vectors of sums kept in registers at once, widest first. With 32 wide registers a row of 200 goes by in one pass; of 16 more than 4 spill.
BLOCKS = (14, 13, 8, 4, 2, 1) if get_host_cpu_features().get("avx512f") else (4, 2, 1)
_I1, _I8, _I16, _I32, _I64 = (ir.IntType(bits) for bits in (1, 8, 16, 32, 64))


def add_rows_block(builder, n_vectors, column, arrays, n, stride):
    """Emit: while column + width <= stride, add the rows' columns [column, column + width) and move on. Return the final column."""
    start, acc, weight, axons = arrays  # the sums begin as `start`

    def sum_columns(at):
        places = [builder.add(at, constant(v * LANES)) for v in range(n_vectors)]
        initial = [builder.load(vector_at(builder, start, place, _I32), align=4) for place in places]

        def row(k, sums):
            axon = builder.zext(builder.load(builder.gep(axons, [k])), _I64)
            base = builder.add(builder.mul(axon, stride), at)
            fields = [vector_at(builder, weight, builder.add(base, constant(v * LANES)), weight.type.pointee) for v in range(n_vectors)]
            terms = [builder.load(field, align=2) for field in fields]
            wide = terms if weight.type.pointee == _I32 else [builder.sext(term, ir.VectorType(_I32, LANES)) for term in terms]
            return [builder.add(total, term) for total, term in zip(sums, wide, strict=True)]

        for place, total in zip(places, looped_if_any(builder, "row", n, initial, row), strict=True):
            builder.store(total, vector_at(builder, acc, place, _I32), align=4)

    return by_columns(builder, n_vectors * LANES, column, stride, sum_columns)


@intrinsic
def _add_rows(typing_context, acc, weight, axons, n):
    def codegen(context, builder, signature, args):
        arrays = [data_of(context, builder, t, a) for t, a in zip(signature.args[:3], args[:3], strict=True)]
        stride = unpack_tuple(builder, make_array(signature.args[1])(context, builder, args[1]).shape)[1]
        column = constant(0)
        for n_vectors in BLOCKS:
            column = add_rows_block(builder, n_vectors, column, [arrays[0], *arrays], args[3], stride)
        return context.get_dummy_value()

    return types.void(acc, weight, axons, types.intp), codegen


def _sum_16_block(builder, n_vectors, column, stride, table, rows, first, end, keep):
    """Emit: while column + width <= stride, add up rows [first, end) of int16 `table` in 16-bit lanes, and `keep` each part of the sum.

    There is a row. keep(index, sum) is called with the index of a part's first column. Return the final column.
    """
    width = n_vectors * LANES
    parts = [(at, min(2 * LANES, width - at)) for at in range(0, width, 2 * LANES)]
    nothing = [ir.Constant(ir.VectorType(_I16, lanes), None) for _, lanes in parts]

    def sum_columns(at):
        def row(k, sums):
            number = builder.zext(builder.load(builder.gep(rows, [k])), _I64)
            base, added = builder.add(builder.mul(number, stride), at), []
            for (offset, _), total in zip(parts, sums, strict=True):
                pointer = builder.bitcast(builder.gep(table, [builder.add(base, constant(offset))]), total.type.as_pointer())
                added.append(builder.add(total, builder.load(pointer, align=2)))
            return added

        for (offset, _), total in zip(parts, looped(builder, "row_16", end, nothing, row, first), strict=True):
            keep(builder.add(at, constant(offset)), total)

    return by_columns(builder, width, column, stride, sum_columns)


def _group(name):
    """Make the intrinsic that adds ("add") a group of rows to wide sums, or takes it away ("sub")."""

    @intrinsic
    def group(typing_context, acc, weight, axons, first, end):
        def codegen(context, builder, signature, args):
            acc, weight, axons = (data_of(context, builder, t, a) for t, a in zip(signature.args[:3], args[:3], strict=True))
            stride = unpack_tuple(builder, make_array(signature.args[1])(context, builder, args[1]).shape)[1]

            def keep(index, total):
                for k, half in enumerate(halves(builder, total)):
                    pointer = vector_at(builder, acc, builder.add(index, constant(k * LANES)), _I32)
                    wide = builder.sext(half, ir.VectorType(_I32, LANES))
                    builder.store(getattr(builder, name)(builder.load(pointer, align=4), wide), pointer, align=4)

            column = constant(0)
            for n_vectors in BLOCKS:
                column = _sum_16_block(builder, n_vectors, column, stride, weight, axons, args[3], args[4], keep)
            return context.get_dummy_value()

        return types.void(acc, weight, axons, types.intp, types.intp), codegen

    return group


@intrinsic
def _add_steps(typing_context, row, steps, slots, n):
    def codegen(context, builder, signature, args):
        row, steps, slots = (data_of(context, builder, t, a) for t, a in zip(signature.args[:3], args[:3], strict=True))
        stride = unpack_tuple(builder, make_array(signature.args[1])(context, builder, args[1]).shape)[1]

        def keep(index, total):
            pointer = builder.bitcast(builder.gep(row, [index]), total.type.as_pointer())
            builder.store(builder.add(builder.load(pointer, align=2), total), pointer, align=2)

        column = constant(0)
        for n_vectors in BLOCKS:
            column = _sum_16_block(builder, n_vectors, column, stride, steps, slots, constant(0), args[3], keep)
        return context.get_dummy_value()

    return types.void(row, steps, slots, types.intp), codegen


@intrinsic
def _flag_bits(typing_context, flags, n, bits):
    def codegen(context, builder, signature, args):
        flags, bits = data_of(context, builder, signature.args[0], args[0]), data_of(context, builder, signature.args[2], args[2])
        loop, end = builder.append_basic_block("flags"), builder.append_basic_block("flags_end")
        before = builder.block
        builder.cbranch(builder.icmp_signed(">", args[1], constant(0)), loop, end)
        builder.position_at_end(loop)
        i, word = builder.phi(_I64), builder.phi(_I64)
        zero = ir.Constant(ir.VectorType(_I8, LANES), None)
        mask = builder.icmp_unsigned("!=", builder.load(vector_at(builder, flags, i, _I8), align=1), zero)
        builder.store(builder.bitcast(mask, _I16), builder.gep(bits, [word]))
        i_next, word_next = builder.add(i, constant(LANES)), builder.add(word, constant(1))
        builder.cbranch(builder.icmp_signed("<", i_next, args[1]), loop, end)
        for phi, again in ((i, i_next), (word, word_next)):
            phi.add_incoming(constant(0), before)
            phi.add_incoming(again, loop)
        builder.position_at_end(end)
        words = builder.phi(_I64)
        words.add_incoming(constant(0), before)
        words.add_incoming(word_next, loop)
        for k in range(WORD_PADDING):
            builder.store(ir.Constant(_I16, 0), builder.gep(bits, [builder.add(words, constant(k))]))
        return context.get_dummy_value()

    return types.void(flags, types.intp, bits), codegen


@intrinsic
def _common_bits(typing_context, one, other, words):
    def codegen(context, builder, signature, args):
        one, other = (builder.bitcast(data_of(context, builder, signature.args[k], args[k]), _I64.as_pointer()) for k in (0, 1))
        popcount = builder.module.declare_intrinsic("llvm.ctpop", [_I64])

        def word(k, count):
            both = builder.and_(*(builder.load(builder.gep(array, [k]), align=2) for array in (one, other)))
            return [builder.add(count[0], builder.call(popcount, [both]))]

        (total,) = looped_if_any(builder, "words", args[2], [constant(0)], word)
        return total

    return types.intp(one, other, types.intp), codegen


@intrinsic
def _compress(typing_context, values, flags, n, out):
    def codegen(context, builder, signature, args):
        values, flags, out = (data_of(context, builder, signature.args[i], args[i]) for i in (0, 1, 3))
        lanes_type, mask_type = ir.VectorType(_I32, LANES), ir.VectorType(_I1, LANES)
        store = builder.module.declare_intrinsic(
            f"llvm.masked.compressstore.v{LANES}i32",
            (),
            ir.FunctionType(ir.VoidType(), [lanes_type, _I32.as_pointer(), mask_type]),
        )
        popcount = builder.module.declare_intrinsic("llvm.ctpop", [ir.IntType(LANES)])
        loop, end = builder.append_basic_block("lanes"), builder.append_basic_block("end")
        before = builder.block
        builder.cbranch(builder.icmp_signed(">", args[2], constant(0)), loop, end)
        builder.position_at_end(loop)
        i, count = builder.phi(_I64), builder.phi(_I64)
        zero = ir.Constant(ir.VectorType(_I8, LANES), None)
        mask = builder.icmp_unsigned("!=", builder.load(vector_at(builder, flags, i, _I8), align=1), zero)
        builder.call(store, [builder.load(vector_at(builder, values, i, _I32), align=4), builder.gep(out, [count]), mask])
        bits = builder.call(popcount, [builder.bitcast(mask, ir.IntType(LANES))])
        i_next, count_next = builder.add(i, constant(LANES)), builder.add(count, builder.zext(bits, _I64))
        builder.cbranch(builder.icmp_signed("<", i_next, args[2]), loop, end)
        for phi, again in ((i, i_next), (count, count_next)):
            phi.add_incoming(constant(0), before)
            phi.add_incoming(again, loop)
        builder.position_at_end(end)
        total = builder.phi(_I64)
        total.add_incoming(constant(0), before)
        total.add_incoming(count_next, loop)
        return total

    return types.intp(values, flags, types.intp, out), codegen


if os.environ.get("NUMBA_DISABLE_JIT", "0") in ("", "0"):
    add_rows, compress, add_steps, flag_bits, common_bits = _add_rows, _compress, _add_steps, _flag_bits, _common_bits
    add_group, subtract_group = _group("add"), _group("sub")
else:

    def add_group(acc, weight, axons, first, end):
        """acc[j] += weight[axons[k], j] for first <= k < end, at least one, of which no partial sum leaves 16 bits. As of `add_rows`."""
        for k in range(first, end):
            for j in range(len(acc)):
                acc[j] = int(acc[j]) + int(weight[axons[k], j])

    def subtract_group(acc, weight, axons, first, end):
        """acc[j] -= weight[axons[k], j], as `add_group` adds."""
        for k in range(first, end):
            for j in range(len(acc)):
                acc[j] = int(acc[j]) - int(weight[axons[k], j])

    def add_steps(row, steps, slots, n):
        """row[j] += steps[slots[k], j] for k < n, n > 0. row int16 (stride,), steps int16 (rows, stride): nothing leaves 16 bits."""
        for k in range(n):
            for j in range(len(row)):
                row[j] = int(row[j]) + int(steps[slots[k], j])

    def flag_bits(flags, n, bits):
        """Set bit i of `bits`, uint16 words, where flags[i] != 0, i < n; WORD_PADDING words behind become zero. Flags as of `compress`."""
        words = (n + LANES - 1) // LANES
        bits[: words + WORD_PADDING] = 0
        for i in range(n):
            bits[i // LANES] |= int(flags[i] != 0) << i % LANES

    def common_bits(one, other, words):
        """Count the bits that are set in both of two lists of uint16 words, of which 4 * words are read."""
        return sum((int(one[k]) & int(other[k])).bit_count() for k in range(4 * words))

    def add_rows(acc, weight, axons, n):
        """acc[j] += weight[axons[k], j] for k < n. acc int32 (stride,), weight int16 (rows, stride), stride a multiple of LANES."""
        for k in range(n):
            for j in range(len(acc)):
                acc[j] = int(acc[j]) + int(weight[axons[k], j])

    def compress(values, flags, n, out):
        """Write values[i] for every i < n with flags[i] != 0 to `out`, in order; return how many. Flags are uint8, readable up to the
        next multiple of LANES and zero beyond n."""
        count = 0
        for i in range(n):
            if flags[i]:
                out[count] = values[i]
                count += 1
        return count
