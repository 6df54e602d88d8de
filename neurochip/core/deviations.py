"""The sums of a tick from a sample's base, in one pass: rows that were not likely to be there, without those that were and are not."""

import os

from llvmlite import ir
from numba import types
from numba.core.cgutils import unpack_tuple
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

from neurochip.core.emit import LANES, by_columns, constant, data_of, halves, looped_if_any, vector_at
from neurochip.core.vector import BLOCKS

_I16, _I32, _I64 = (ir.IntType(bits) for bits in (16, 32, 64))
_WIDE = ir.VectorType(_I32, LANES)


def _block(builder, n_vectors, column, stride, arrays, more, less):
    """Emit: while column + width <= stride, make the sums of columns [column, column + width) and move on. Return the final column."""
    acc, base, bias, weight = arrays
    width = n_vectors * LANES

    def sum_columns(column):
        sums = [ir.Constant(ir.VectorType(_I16, min(2 * LANES, width - first)), None) for first in range(0, width, 2 * LANES)]
        for name, operation, (rows, n) in (("more", builder.add, more), ("less", builder.sub, less)):

            def row(k, totals, rows=rows, operation=operation):
                at, moved = builder.add(builder.mul(builder.zext(builder.load(builder.gep(rows, [k])), _I64), stride), column), []
                for total in totals:
                    pointer = builder.bitcast(builder.gep(weight, [at]), total.type.as_pointer())
                    moved.append(operation(total, builder.load(pointer, align=2)))
                    at = builder.add(at, constant(total.type.count))
                return moved

            sums = looped_if_any(builder, name, n, sums, row)
        at = column
        for half in (half for total in sums for half in halves(builder, total)):
            start = builder.add(*(builder.load(vector_at(builder, array, at, _I32), align=4) for array in (base, bias)))
            builder.store(builder.add(start, builder.sext(half, _WIDE)), vector_at(builder, acc, at, _I32), align=4)
            at = builder.add(at, constant(LANES))

    return by_columns(builder, width, column, stride, sum_columns)


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
