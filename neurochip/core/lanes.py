"""What is made of draws, as explicit vector code: spikes as bits, lists of those bits, neurons that fire. docs/decisions/043.

Interpreted (`NUMBA_DISABLE_JIT=1`), all are the plain loops of their docstrings.
"""

import os

from llvmlite import ir
from numba import config
from numba.core.codegen import get_host_cpu_features
from numba.extending import intrinsic
from numba.types import intp, void

from neurochip.core.emit import LANES, constant, data_of, looped, looped_if_any, vector_at

FEATURES = get_host_cpu_features() if config.CPU_FEATURES is None else config.CPU_FEATURES  # that Numba compiles for
HAS_COMPRESS = "+avx512f" in FEATURES.split(",")
_I1, _I8, _I16, _I32, _I64 = (ir.IntType(bits) for bits in (1, 8, 16, 32, 64))
_WORDS, _MASK = ir.VectorType(_I32, LANES), ir.VectorType(_I1, LANES)


def splat(builder, value):
    """Return a vector of LANES 32-bit copies of a number."""
    narrow = value if value.type == _I32 else builder.trunc(value, _I32)
    one = builder.insert_element(ir.Constant(_WORDS, ir.Undefined), narrow, ir.Constant(_I32, 0))
    return builder.shuffle_vector(one, ir.Constant(_WORDS, ir.Undefined), ir.Constant(_WORDS, None))


def put_some(builder, out, count, values, mask):
    """Emit: write the values of a vector of int32 whose bits of the mask are set to `out` from `count` on. Return the new count.

    Places up to count + LANES are overwritten where the processor packs a vector by itself, which is faster than to write a part of one.
    """
    at = builder.gep(out, [count])
    if HAS_COMPRESS:
        pack = builder.module.declare_intrinsic(
            "llvm.x86.avx512.mask.compress.v16i32", (), ir.FunctionType(_WORDS, [_WORDS, _WORDS, _MASK])
        )
        packed = builder.call(pack, [values, ir.Constant(_WORDS, None), mask])
        builder.store(packed, builder.bitcast(at, _WORDS.as_pointer()), align=4)
    else:
        kind = ir.FunctionType(ir.VoidType(), [_WORDS, _I32.as_pointer(), _MASK])
        builder.call(builder.module.declare_intrinsic(f"llvm.masked.compressstore.v{LANES}i32", (), kind), [values, at, mask])
    popcount = builder.module.declare_intrinsic("llvm.ctpop", [_I16])
    return builder.add(count, builder.zext(builder.call(popcount, [builder.bitcast(mask, _I16)]), _I64))


@intrinsic
def _list_bits(typing_context, values, bits, other, n, out):
    def codegen(context, builder, signature, args):
        values, bits, other, out = (data_of(context, builder, signature.args[k], args[k]) for k in (0, 1, 2, 4))
        groups = builder.lshr(builder.add(args[3], constant(LANES - 1)), constant(4))

        def group(k, counts):
            word = builder.and_(builder.load(builder.gep(bits, [k])), builder.not_(builder.load(builder.gep(other, [k]))))
            these = builder.load(vector_at(builder, values, builder.mul(k, constant(LANES)), _I32), align=4)
            return [put_some(builder, out, counts[0], these, builder.bitcast(word, _MASK))]

        return looped_if_any(builder, "listed", groups, [constant(0)], group)[0]

    return intp(values, bits, other, intp, out), codegen


@intrinsic
def _list_deviating(typing_context, values, bits, likely, n, more, less):
    def codegen(context, builder, signature, args):
        values, bits, likely, more, less = (data_of(context, builder, signature.args[k], args[k]) for k in (0, 1, 2, 4, 5))
        groups = builder.lshr(builder.add(args[3], constant(LANES - 1)), constant(4))

        def group(k, counts):
            found, expected = (builder.load(builder.gep(array, [k])) for array in (bits, likely))
            these, differ = (
                builder.load(vector_at(builder, values, builder.mul(k, constant(LANES)), _I32), align=4),
                builder.xor(found, expected),
            )
            parts = zip((more, less), counts, (builder.and_(differ, found), builder.and_(differ, expected)), strict=True)
            return [put_some(builder, out, count, these, builder.bitcast(word, _MASK)) for out, count, word in parts]

        more_found, less_found = looped_if_any(builder, "deviating", groups, [constant(0)] * 2, group)
        return builder.or_(more_found, builder.shl(less_found, constant(32)))

    return intp(values, bits, likely, intp, more, less), codegen


@intrinsic
def _fire_lanes(typing_context, words, acc, n, dropped, most, fired, gate, units, out):
    def codegen(context, builder, signature, args):
        words, acc, fired, gate, units, out = (data_of(context, builder, signature.args[k], args[k]) for k in (0, 1, 5, 6, 7, 8))
        n, most, none = args[2], splat(builder, args[4]), ir.Constant(_WORDS, None)
        lowest, one = splat(builder, builder.sub(args[3], constant(1))), ir.Constant(_WORDS, [ir.Constant(_I32, 1)] * LANES)

        def group(k, counts):
            first = builder.mul(k, constant(LANES))
            word, v, unit = (builder.load(vector_at(builder, array, first, _I32), align=4) for array in (words, acc, units))
            draw = builder.lshr(builder.lshr(word, lowest), one)  # a shift by all 32 bits has no meaning
            spikes = builder.icmp_signed("<", draw, v)
            opens = builder.and_(builder.icmp_signed(">", v, none), builder.icmp_signed("<=", v, most))
            for flags, found in ((fired, spikes), (gate, opens)):
                builder.store(builder.zext(found, ir.VectorType(_I8, LANES)), vector_at(builder, flags, first, _I8), align=1)
            return [put_some(builder, out, counts[0], unit, spikes)]

        return looped(builder, "fired", builder.lshr(n, constant(4)), [constant(0)], group)[0]

    return intp(words, acc, intp, intp, intp, fired, gate, units, out), codegen


@intrinsic
def _mark_bits(typing_context, masks, bits, n, slot):
    def codegen(context, builder, signature, args):
        masks, bits = (data_of(context, builder, signature.args[k], args[k]) for k in (0, 1))
        groups = builder.lshr(builder.add(args[2], constant(LANES - 1)), constant(4))
        bit = splat(builder, builder.shl(constant(1), args[3]))

        def group(k, _):
            found = builder.bitcast(builder.load(builder.gep(bits, [k])), _MASK)
            at = vector_at(builder, masks, builder.mul(k, constant(LANES)), _I32)
            builder.store(builder.or_(builder.load(at, align=4), builder.select(found, bit, ir.Constant(_WORDS, None))), at, align=4)
            return []

        looped_if_any(builder, "marked", groups, [], group)
        return context.get_dummy_value()

    return void(masks, bits, intp, intp), codegen


if os.environ.get("NUMBA_DISABLE_JIT", "0") in ("", "0"):
    list_bits, list_deviating, fire_lanes, mark_bits = _list_bits, _list_deviating, _fire_lanes, _mark_bits
else:

    def list_bits(values, bits, other, n, out):
        """Write values[i] for every i < n whose bit is set in `bits` and not in `other` to `out`, in order; return how many.

        Bits beyond n are clear; values are readable, and `out` writeable, up to the next multiple of LANES.
        """
        count = 0
        for i in range(n):
            if (int(bits[i // LANES]) & ~int(other[i // LANES])) >> i % LANES & 1:
                out[count] = values[i]
                count += 1
        return count

    def list_deviating(values, bits, likely, n, more, less):
        """List as `list_bits` does those in `bits` alone in `more`, those in `likely` alone in `less`; return how many: | << 32."""
        return list_bits(values, bits, likely, n, more) | list_bits(values, likely, bits, n, less) << 32

    def fire_lanes(words, acc, n, dropped, most, fired, gate, units, out):
        """Set fired[j] = words[j] >> dropped < acc[j], gate[j] = 0 < acc[j] <= most for j < n, a multiple of LANES above 0.

        List units[j] of those that fired in `out`; return how many.
        """
        count = 0
        for j in range(n):
            fired[j], gate[j] = int(words[j]) >> int(dropped) < acc[j], 0 < acc[j] <= most
            if fired[j]:
                out[count] = units[j]
                count += 1
        return count

    def mark_bits(masks, bits, n, slot):
        """Set bit `slot` of masks[i], uint32, for every i < n whose bit is set in `bits`."""
        for i in range(n):
            masks[i] |= (int(bits[i // LANES]) >> i % LANES & 1) << int(slot)
