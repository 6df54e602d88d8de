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

WORD_PADDING = 3  # words of LANES bits that are cleared behind the last one, for who reads 64 bits at once
LANES = 16  # rows are padded to a multiple of this
# Vectors of sums kept in registers at once, widest first. With 32 wide registers a row of 200 goes by in one pass; of 16 more than 4 spill.
BLOCKS = (14, 13, 8, 4, 2, 1) if get_host_cpu_features().get("avx512f") else (4, 2, 1)
_I1, _I8, _I16, _I32, _I64 = (ir.IntType(bits) for bits in (1, 8, 16, 32, 64))


def constant(value):
    """Return a number of 64 bits."""
    return ir.Constant(_I64, value)


def data_of(context, builder, array_type, array):
    """Return the pointer to an array's first element."""
    return make_array(array_type)(context, builder, array).data


def vector_at(builder, data, index, element):
    """Return the pointer to LANES elements of `data` from `index` on."""
    return builder.bitcast(builder.gep(data, [index]), ir.VectorType(element, LANES).as_pointer())


def add_rows_block(builder, n_vectors, column, arrays, n, stride):
    """Emit: while column + width <= stride, add the rows' columns [column, column + width) and move on. Return the final column."""
    start, acc, weight, axons = arrays  # the sums begin as `start`
    sums_type, width = ir.VectorType(_I32, LANES), n_vectors * LANES
    blocks = [builder.append_basic_block(name) for name in ("columns", "first_row", "row", "store", "end")]
    columns, first_row, row, store, end = blocks
    before = builder.block
    builder.branch(columns)

    builder.position_at_end(columns)
    at = builder.phi(_I64)
    at.add_incoming(column, before)
    following = builder.add(at, constant(width))
    builder.cbranch(builder.icmp_signed("<=", following, stride), first_row, end)

    builder.position_at_end(first_row)
    sums_at = [vector_at(builder, acc, builder.add(at, constant(v * LANES)), _I32) for v in range(n_vectors)]
    starts = [vector_at(builder, start, builder.add(at, constant(v * LANES)), _I32) for v in range(n_vectors)]
    initial = [builder.load(pointer, align=4) for pointer in starts]
    builder.cbranch(builder.icmp_signed(">", n, constant(0)), row, store)

    builder.position_at_end(row)
    k = builder.phi(_I64)
    sums = [builder.phi(sums_type) for _ in range(n_vectors)]
    axon = builder.zext(builder.load(builder.gep(axons, [k])), _I64)
    base = builder.add(builder.mul(axon, stride), at)
    fields = [vector_at(builder, weight, builder.add(base, constant(v * LANES)), weight.type.pointee) for v in range(n_vectors)]
    terms = [builder.load(field, align=2) for field in fields]
    wide = terms if weight.type.pointee == _I32 else [builder.sext(term, sums_type) for term in terms]
    added = [builder.add(total, term) for total, term in zip(sums, wide, strict=True)]
    k_next = builder.add(k, constant(1))
    builder.cbranch(builder.icmp_signed("<", k_next, n), row, store)
    for phi, start, again in zip([k, *sums], [constant(0), *initial], [k_next, *added], strict=True):
        phi.add_incoming(start, first_row)
        phi.add_incoming(again, row)

    builder.position_at_end(store)
    results = [builder.phi(sums_type) for _ in range(n_vectors)]
    for result, start, total, pointer in zip(results, initial, added, sums_at, strict=True):
        result.add_incoming(start, first_row)
        result.add_incoming(total, row)
        builder.store(result, pointer, align=4)
    at.add_incoming(following, store)
    builder.branch(columns)

    builder.position_at_end(end)
    return at


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


def _halves(builder, value, lanes):
    """Split a vector of 2 * LANES lanes in two; one of LANES stays as it is."""
    if lanes == LANES:
        return [value]
    none, index = ir.Constant(value.type, ir.Undefined), ir.VectorType(_I32, LANES)
    return [builder.shuffle_vector(value, none, ir.Constant(index, list(range(k, k + LANES)))) for k in (0, LANES)]


def _sum_16_block(builder, n_vectors, column, stride, table, rows, first, end, keep):
    """Emit: while column + width <= stride, add up rows [first, end) of int16 `table` in 16-bit lanes, and `keep` each part of the sum.

    There is a row. keep(index, lanes, sum) is called with the index of a part's first column. Return the final column.
    """
    width = n_vectors * LANES
    parts = [(at, min(2 * LANES, width - at)) for at in range(0, width, 2 * LANES)]
    columns, row, store, done = (builder.append_basic_block(name) for name in ("columns_16", "row_16", "store_16", "end_16"))
    before = builder.block
    builder.branch(columns)

    builder.position_at_end(columns)
    at = builder.phi(_I64)
    at.add_incoming(column, before)
    following = builder.add(at, constant(width))
    builder.cbranch(builder.icmp_signed("<=", following, stride), row, done)

    builder.position_at_end(row)
    k = builder.phi(_I64)
    kinds = [ir.VectorType(_I16, lanes) for _, lanes in parts]
    sums = [builder.phi(kind) for kind in kinds]
    number = builder.zext(builder.load(builder.gep(rows, [k])), _I64)
    base = builder.add(builder.mul(number, stride), at)
    added = []
    for (offset, _), kind, total in zip(parts, kinds, sums, strict=True):
        pointer = builder.bitcast(builder.gep(table, [builder.add(base, constant(offset))]), kind.as_pointer())
        added.append(builder.add(total, builder.load(pointer, align=2)))
    k_next = builder.add(k, constant(1))
    builder.cbranch(builder.icmp_signed("<", k_next, end), row, store)
    for phi, start, again in zip([k, *sums], [first, *(ir.Constant(kind, None) for kind in kinds)], [k_next, *added], strict=True):
        phi.add_incoming(start, columns)
        phi.add_incoming(again, row)

    builder.position_at_end(store)
    for (offset, lanes), total in zip(parts, added, strict=True):
        keep(builder.add(at, constant(offset)), lanes, total)
    at.add_incoming(following, store)
    builder.branch(columns)

    builder.position_at_end(done)
    return at


def _group(name):
    """Make the intrinsic that adds ("add") a group of rows to wide sums, or takes it away ("sub")."""

    @intrinsic
    def group(typing_context, acc, weight, axons, first, end):
        def codegen(context, builder, signature, args):
            acc, weight, axons = (data_of(context, builder, t, a) for t, a in zip(signature.args[:3], args[:3], strict=True))
            stride = unpack_tuple(builder, make_array(signature.args[1])(context, builder, args[1]).shape)[1]

            def keep(index, lanes, total):
                for k, half in enumerate(_halves(builder, total, lanes)):
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

        def keep(index, lanes, total):
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
        loop, end = builder.append_basic_block("words"), builder.append_basic_block("words_end")
        before = builder.block
        builder.cbranch(builder.icmp_signed(">", args[2], constant(0)), loop, end)
        builder.position_at_end(loop)
        i, count = builder.phi(_I64), builder.phi(_I64)
        both = builder.and_(*(builder.load(builder.gep(array, [i]), align=2) for array in (one, other)))
        i_next, count_next = builder.add(i, constant(1)), builder.add(count, builder.call(popcount, [both]))
        builder.cbranch(builder.icmp_signed("<", i_next, args[2]), loop, end)
        for phi, again in ((i, i_next), (count, count_next)):
            phi.add_incoming(constant(0), before)
            phi.add_incoming(again, loop)
        builder.position_at_end(end)
        total = builder.phi(_I64)
        total.add_incoming(constant(0), before)
        total.add_incoming(count_next, loop)
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
