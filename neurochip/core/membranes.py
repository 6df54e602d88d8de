"""Neurons with a memory in 32-bit lanes, as explicit vector code: leak, drive, threshold, and who of a location silences the others."""

import os

from llvmlite import ir
from numba.extending import intrinsic
from numba.types import intp

from neurochip.core.emit import LANES, constant, data_of, looped, vector_at
from neurochip.core.lanes import put_some, splat

LEAK_FACTOR_BITS = 8  # fraction bits of the part that a leak leaves
_I1, _I8, _I16, _I32, _I64 = (ir.IntType(bits) for bits in (1, 8, 16, 32, 64))
_WORDS, _MASK, _FLAGS = ir.VectorType(_I32, LANES), ir.VectorType(_I1, LANES), ir.VectorType(_I8, LANES)
_NONE = ir.Constant(_WORDS, None)
_LEAST = ir.Constant(_WORDS, [ir.Constant(_I32, -(1 << 31))] * LANES)


def _leaked(builder, kind, v, shift, factor):
    """Emit what is left of potentials."""
    if kind == "by_shift":
        return builder.sub(v, builder.ashr(v, shift))
    bits = ir.Constant(_WORDS, [ir.Constant(_I32, LEAK_FACTOR_BITS)] * LANES)
    return builder.ashr(builder.mul(v, factor), bits) if kind == "by_factor" else v


def _called(builder, name, kind, *args):
    """Emit a call of an intrinsic of LLVM."""
    return builder.call(builder.module.declare_intrinsic(name, (), ir.FunctionType(kind, [arg.type for arg in args])), args)


def _silenced(builder, kept, spikes, first, count, arrays):
    """Emit: of those that spike the first with the largest potential alone does, and empties the location. Return the count."""
    membrane, fired, units, out = arrays
    before = builder.block
    is_any = builder.icmp_unsigned("!=", builder.bitcast(spikes, _I16), ir.Constant(_I16, 0))
    with builder.if_then(is_any):
        best = _called(builder, f"llvm.vector.reduce.smax.v{LANES}i32", _I32, builder.select(spikes, kept, _LEAST))
        found = builder.bitcast(builder.and_(spikes, builder.icmp_signed("==", kept, splat(builder, best))), _I16)
        lane = builder.zext(_called(builder, "llvm.cttz.i16", _I16, found, ir.Constant(_I1, 1)), _I64)
        builder.store(_NONE, vector_at(builder, membrane, first, _I32), align=4)
        builder.store(ir.Constant(_I8, 1), builder.gep(fired, [builder.add(first, lane)]))
        builder.store(builder.load(builder.gep(units, [builder.add(first, lane)])), builder.gep(out, [count]))
        more, inside = builder.add(count, constant(1)), builder.block
    total = builder.phi(_I64)
    total.add_incoming(count, before)
    total.add_incoming(more, inside)
    return total


def _updated(builder, kind, silences, arrays, numbers, k, now):
    """Emit the update of a vector of neurons. Return how many have spiked so far, and how many clamped."""
    acc, membrane, fired, gate, units, out = arrays
    shift, factor, low, high, threshold, taken, empties = numbers
    first, (count, clamped) = builder.mul(k, constant(LANES)), now
    v, drive = (builder.load(vector_at(builder, array, first, _I32), align=4) for array in (membrane, acc))
    total = builder.add(_leaked(builder, kind, v, shift, factor), drive)
    kept = builder.select(builder.icmp_signed(">", total, low), total, low)
    kept = builder.select(builder.icmp_signed("<", kept, high), kept, high)
    is_clamped = builder.bitcast(builder.icmp_signed("!=", kept, total), _I16)
    clamped = builder.add(clamped, builder.zext(_called(builder, "llvm.ctpop.i16", _I16, is_clamped), _I64))
    spikes = builder.icmp_signed(">=", kept, threshold)
    opens = builder.and_(builder.icmp_signed(">", drive, _NONE), builder.icmp_signed("<", drive, threshold))
    builder.store(builder.zext(opens, _FLAGS), vector_at(builder, gate, first, _I8), align=1)
    if silences:
        builder.store(kept, vector_at(builder, membrane, first, _I32), align=4)
        builder.store(ir.Constant(_FLAGS, None), vector_at(builder, fired, first, _I8), align=1)
        return [_silenced(builder, kept, spikes, first, count, (membrane, fired, units, out)), clamped]
    left = builder.select(empties, _NONE, builder.sub(kept, taken))
    builder.store(builder.select(spikes, left, kept), vector_at(builder, membrane, first, _I32), align=4)
    builder.store(builder.zext(spikes, _FLAGS), vector_at(builder, fired, first, _I8), align=1)
    these = builder.load(vector_at(builder, units, first, _I32), align=4)
    return [put_some(builder, out, count, these, spikes), clamped]


@intrinsic
def _update_lanes(typing_context, acc, membrane, fired, gate, units, out, n, shift, factor, low, high, threshold, taken, emptied, inhibits):
    def codegen(context, builder, signature, args):
        arrays = [data_of(context, builder, signature.args[k], args[k]) for k in range(6)]
        empties, inhibits = (builder.icmp_signed("!=", value, constant(0)) for value in args[13:])
        numbers = [*(splat(builder, value) for value in args[7:13]), empties]

        kinds = [(kind, silences) for kind in ("by_shift", "by_factor", "no_leak") for silences in (False, True)]
        blocks = [builder.append_basic_block(f"{kind}_{silences}") for kind, silences in kinds]
        end = builder.append_basic_block("updated")
        has_factor = builder.icmp_signed("!=", args[8], constant(1 << LEAK_FACTOR_BITS))
        number = builder.select(has_factor, constant(2), constant(4))
        number = builder.select(builder.icmp_signed(">", args[7], constant(0)), constant(0), number)
        choice = builder.switch(builder.add(number, builder.zext(inhibits, _I64)), blocks[-1])
        results = []
        for number, ((kind, silences), block) in enumerate(zip(kinds, blocks, strict=True)):
            if number < len(kinds) - 1:
                choice.add_case(constant(number), block)
            builder.position_at_end(block)
            groups = builder.lshr(args[6], constant(LANES.bit_length() - 1))
            found = looped(
                builder,
                "neurons",
                groups,
                [constant(0)] * 2,
                lambda k, now, how=(kind, silences): _updated(builder, *how, arrays, numbers, k, now),
            )
            results.append((builder.or_(found[0], builder.shl(found[1], constant(32))), builder.block))
            builder.branch(end)
        builder.position_at_end(end)
        both = builder.phi(_I64)
        for result, block in results:
            both.add_incoming(result, block)
        return both

    return intp(acc, membrane, fired, gate, units, out, *(intp,) * 9), codegen


if os.environ.get("NUMBA_DISABLE_JIT", "0") in ("", "0"):
    update_lanes = _update_lanes
else:

    def update_lanes(acc, membrane, fired, gate, units, out, n, shift, factor, low, high, threshold, taken, emptied, inhibits):
        """Update n neurons, a multiple of LANES above 0, none of which rests: nothing on the way can leave 32 bits.

        A spike leaves nothing if `emptied`, else all but `taken`; if one `inhibits`, every LANES neurons are a location, of which the
        first with the largest potential alone spikes, and all potentials are emptied. List the units that spiked in `out`; return how
        many | clamps << 32.
        """
        count, clamped = 0, 0
        for first in range(0, n, LANES):
            winner = -1
            for j in range(first, first + LANES):
                v, drive = int(membrane[j]), int(acc[j])
                total = (v - (v >> int(shift)) if shift > 0 else (v * int(factor)) >> LEAK_FACTOR_BITS) + drive
                kept = min(max(total, int(low)), int(high))
                clamped += kept != total
                gate[j], fired[j] = 0 < drive < threshold, kept >= threshold
                membrane[j] = kept if inhibits or not fired[j] else 0 if emptied else kept - int(taken)
                if fired[j] and (winner < 0 or membrane[j] > membrane[winner]):
                    winner = j
            if inhibits and winner >= 0:
                membrane[first : first + LANES], fired[first : first + LANES] = 0, 0
                fired[winner] = 1
            for j in range(first, first + LANES):
                if fired[j]:
                    out[count] = units[j]
                    count += 1
        return count | clamped << 32
