"""The sums of a tick from a sample's base, in one pass: rows that were not likely to be there, without those that were and are not."""

import os

from llvmlite import ir
from numba import types
from numba.core.cgutils import unpack_tuple
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

from neurochip.core.vector import BLOCKS, LANES, constant, data_of, vector_at

_I16, _I32, _I64 = (ir.IntType(bits) for bits in (16, 32, 64))
_WIDE, _NARROW = ir.VectorType(_I32, LANES), ir.VectorType(_I16, LANES)


def _rows_of(builder, name, operation, weight, rows, n, base_of, sums):
    """Emit: for k < n, perhaps none: sums = operation(sums, row rows[k]). Return the sums."""
    before, loop, end = builder.block, builder.append_basic_block(name), builder.append_basic_block(f"{name}_end")
    builder.cbranch(builder.icmp_signed(">", n, constant(0)), loop, end)
    builder.position_at_end(loop)
    k, totals = builder.phi(_I64), [builder.phi(total.type) for total in sums]
    at, added = base_of(builder.zext(builder.load(builder.gep(rows, [k])), _I64)), []
    for total in totals:
        pointer = builder.bitcast(builder.gep(weight, [at]), total.type.as_pointer())
        added.append(getattr(builder, operation)(total, builder.load(pointer, align=2)))
        at = builder.add(at, constant(total.type.count))
    k_next = builder.add(k, constant(1))
    builder.cbranch(builder.icmp_signed("<", k_next, n), loop, end)
    for phi, begin, again in zip([k, *totals], [constant(0), *sums], [k_next, *added], strict=True):
        phi.add_incoming(begin, before)
        phi.add_incoming(again, loop)
    builder.position_at_end(end)
    results = [builder.phi(total.type) for total in sums]
    for result, begin, again in zip(results, sums, added, strict=True):
        result.add_incoming(begin, before)
        result.add_incoming(again, loop)
    return results


def _halves(builder, total):
    """Split a vector of sums into vectors of LANES, widened."""
    if total.type.count == LANES:
        return [builder.sext(total, _WIDE)]
    index, none = ir.VectorType(_I32, LANES), ir.Constant(total.type, ir.Undefined)
    parts = [builder.shuffle_vector(total, none, ir.Constant(index, list(range(first, first + LANES)))) for first in (0, LANES)]
    return [builder.sext(part, _WIDE) for part in parts]


def _block(builder, n_vectors, column, stride, arrays, more, less):
    """Emit: while column + width <= stride, make the sums of columns [column, column + width) and move on. Return the final column."""
    acc, base, bias, weight = arrays
    width = n_vectors * LANES
    columns, work, done = (builder.append_basic_block(name) for name in ("sum_columns", "sum_rows", "sum_end"))
    before = builder.block
    builder.branch(columns)
    builder.position_at_end(columns)
    at = builder.phi(_I64)
    at.add_incoming(column, before)
    following = builder.add(at, constant(width))
    builder.cbranch(builder.icmp_signed("<=", following, stride), work, done)
    builder.position_at_end(work)
    kinds = [ir.VectorType(_I16, min(2 * LANES, width - first)) for first in range(0, width, 2 * LANES)]
    sums = [ir.Constant(kind, None) for kind in kinds]
    for name, operation, (rows, n) in (("more", "add", more), ("less", "sub", less)):
        sums = _rows_of(builder, name, operation, weight, rows, n, lambda row: builder.add(builder.mul(row, stride), at), sums)
    index = at
    for part in (half for total in sums for half in _halves(builder, total)):
        start = builder.add(*(builder.load(vector_at(builder, array, index, _I32), align=4) for array in (base, bias)))
        builder.store(builder.add(start, part), vector_at(builder, acc, index, _I32), align=4)
        index = builder.add(index, constant(LANES))
    at.add_incoming(following, builder.block)
    builder.branch(columns)
    builder.position_at_end(done)
    return at


@intrinsic
def _sum_deviations(typing_context, acc, base, bias, weight, more, n_more, less, n_less):
    def codegen(context, builder, signature, args):
        acc, base, bias, weight, more, less = (data_of(context, builder, signature.args[k], args[k]) for k in (0, 1, 2, 3, 4, 6))
        stride = unpack_tuple(builder, make_array(signature.args[3])(context, builder, args[3]).shape)[1]
        column = constant(0)
        for n_vectors in BLOCKS:
            column = _block(builder, n_vectors, column, stride, (acc, base, bias, weight), (more, args[5]), (less, args[7]))
        return context.get_dummy_value()

    return types.void(acc, base, bias, weight, more, types.intp, less, types.intp), codegen


if os.environ.get("NUMBA_DISABLE_JIT", "0") in ("", "0"):
    sum_deviations = _sum_deviations
else:

    def sum_deviations(acc, base, bias, weight, more, n_more, less, n_less):
        """acc[j] = base[j] + bias[j] + the rows of `more` - those of `less`; what is added to base and bias does not leave 16 bits.

        acc, base, bias int32 (stride,), weight int16 (rows, stride), stride a multiple of LANES.
        """
        for j in range(len(acc)):
            total = sum(int(weight[more[k], j]) for k in range(n_more)) - sum(int(weight[less[k], j]) for k in range(n_less))
            acc[j] = int(base[j]) + int(bias[j]) + total
