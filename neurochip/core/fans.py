"""Rows of shared weights added where an axon's fan has them, at fixed places, as explicit vector code."""

import os

from llvmlite import ir
from numba import types
from numba.core.cgutils import unpack_tuple
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

from neurochip.core.emit import LANES, constant, data_of, looped, looped_if_any, vector_at

_I16, _I32, _I64 = (ir.IntType(bits) for bits in (16, 32, 64))
_WIDE = ir.VectorType(_I32, LANES)


@intrinsic
def _add_fans(typing_context, acc, weight, fan, fan_first, axons, n, sign):
    def codegen(context, builder, signature, args):
        acc, weight, fan, fan_first, axons = (data_of(context, builder, signature.args[k], args[k]) for k in range(5))
        stride = unpack_tuple(builder, make_array(signature.args[1])(context, builder, args[1]).shape)[1]
        vectors, is_added = builder.lshr(stride, constant(LANES.bit_length() - 1)), builder.icmp_signed(">", args[6], constant(0))

        def number(array, index):
            return builder.sext(builder.load(builder.gep(array, [index])), _I64)

        def entry(first, count, k):
            at = builder.shl(builder.add(first, k), constant(1))
            to, row = builder.mul(number(fan, at), stride), number(fan, builder.add(at, constant(1)))

            def some(v, _):
                column = builder.mul(v, constant(LANES))
                sums = vector_at(builder, acc, builder.add(to, column), _I32)
                fields = builder.load(vector_at(builder, weight, builder.add(builder.mul(row, stride), column), _I16), align=2)
                total, term = builder.load(sums, align=4), builder.sext(fields, _WIDE)
                builder.store(builder.select(is_added, builder.add(total, term), builder.sub(total, term)), sums, align=4)
                return []

            is_there = builder.icmp_signed(">=", row, constant(0))
            with builder.if_then(is_there, likely=True):
                looped(builder, "columns", vectors, [], some)
            return [builder.add(count, builder.zext(is_there, _I64))]

        def axon(k, counts):
            i = number(axons, k)
            first, end = number(fan_first, i), number(fan_first, builder.add(i, constant(1)))
            return looped_if_any(builder, "fan", builder.sub(end, first), counts, lambda e, now: entry(first, now[0], e), likely=True)

        return looped_if_any(builder, "fans", args[5], [constant(0)], axon)[0]

    return types.intp(acc, weight, fan, fan_first, axons, types.intp, types.intp), codegen


if os.environ.get("NUMBA_DISABLE_JIT", "0") in ("", "0"):
    add_fans = _add_fans
else:

    def add_fans(acc, weight, fan, fan_first, axons, n, sign):
        """Add (sign 1) or take away (-1) the rows that the first n axons bring to their locations. Return how many rows.

        acc int32 (locations * stride,), weight int16 (rows, stride); fan int32, entries [fan_first[i], fan_first[i + 1]) of axon i:
        a location, and a row or -1.
        """
        stride, count = weight.shape[1], 0
        for axon in axons[:n]:
            for entry in range(int(fan_first[axon]), int(fan_first[axon + 1])):
                at, row = int(fan[2 * entry]) * stride, int(fan[2 * entry + 1])
                if row >= 0:
                    count += 1
                    for j in range(stride):
                        acc[at + j] = int(acc[at + j]) + sign * int(weight[row, j])
        return count
