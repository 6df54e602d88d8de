"""Generators stepped and jumped, and a picture's spikes drawn, as explicit vector code. docs/decisions/043.

Spikes of a picture are a bit for each lit axon, in words of LANES bits, drawn many ticks at a time: the generators' states stay in
registers. Interpreted (`NUMBA_DISABLE_JIT=1`), all are the plain loops of their docstrings.
"""

import os

from llvmlite import ir
from numba.extending import intrinsic
from numba.types import intp, void

from neurochip.core.emit import LANES, constant, data_of, looped, looped_if_any, vector_at
from neurochip.core.lanes import splat

STATES = 2  # vectors of generators that are stepped side by side: one alone would wait for its own last step
_I8, _I16, _I32 = (ir.IntType(bits) for bits in (8, 16, 32))
_WORDS = ir.VectorType(_I32, LANES)
_ZEROS = ir.Constant(_WORDS, None)


def _next_states(builder, kind, states, numbers):
    """Emit one step of generators of a kind. numbers: splats of mask and shifts, in the order of RngParam."""
    mask, left, right, last = numbers
    stepped = []
    for x in states:
        if kind == "lfsr":
            one = ir.Constant(_WORDS, [ir.Constant(_I32, 1)] * LANES)
            back = builder.and_(mask, builder.sub(ir.Constant(_WORDS, None), builder.and_(x, one)))
            stepped.append(builder.xor(builder.lshr(x, one), back))
        else:
            x = builder.xor(x, builder.and_(builder.shl(x, left), mask))
            x = builder.xor(x, builder.lshr(x, right))
            stepped.append(builder.xor(x, builder.and_(builder.shl(x, last), mask)))
    return stepped


def _drawn(builder, kind, states, steps, numbers):
    """Emit as many steps of generators as a draw has; usually one."""
    first, others = _next_states(builder, kind, states, numbers), builder.sub(steps, constant(1))
    return looped_if_any(builder, "steps", others, first, lambda _, x: _next_states(builder, kind, x, numbers), likely=False)


def _if_any(builder, n, emit):
    """Emit code that is run if n > 0."""
    with builder.if_then(builder.icmp_signed(">", n, constant(0))):
        emit()


def _by_kind(builder, is_xorshift, emit):
    """Emit the same code for each kind of generator, and which one is run."""
    blocks = {name: builder.append_basic_block(name) for name in ("lfsr", "xorshift", "kinds_end")}
    builder.cbranch(builder.icmp_unsigned("!=", is_xorshift, constant(0)), blocks["xorshift"], blocks["lfsr"])
    for kind in ("lfsr", "xorshift"):
        builder.position_at_end(blocks[kind])
        emit(kind)
        builder.branch(blocks["kinds_end"])
    builder.position_at_end(blocks["kinds_end"])


@intrinsic
def _step_lanes(typing_context, state, groups, kind, steps, mask, left, right, last):
    def codegen(context, builder, signature, args):
        data, (groups, kind, steps) = data_of(context, builder, signature.args[0], args[0]), args[1:4]
        numbers = [splat(builder, value) for value in args[4:]]

        def emit(kind):
            def group(k, _):
                at = vector_at(builder, data, builder.mul(k, constant(LANES)), _I32)
                builder.store(_drawn(builder, kind, [builder.load(at, align=4)], steps, numbers)[0], at, align=4)
                return []

            looped(builder, "groups", groups, [], group)

        _if_any(builder, groups, lambda: _by_kind(builder, kind, emit))
        return context.get_dummy_value()

    return void(state, *(intp,) * 7), codegen


@intrinsic
def _jump_lanes(typing_context, state, groups, table):
    def codegen(context, builder, signature, args):
        data, groups, table = (args[1] if k == 1 else data_of(context, builder, signature.args[k], args[k]) for k in range(3))
        images = [builder.load(builder.gep(table, [constant(256 * (b // 8) + (1 << b % 8))])) for b in range(32)]

        def some(x, jumped, bits):
            for b in bits:
                has_bit = builder.icmp_unsigned("!=", builder.and_(x, ir.Constant(_WORDS, [ir.Constant(_I32, 1 << b)] * LANES)), _ZEROS)
                jumped = builder.select(has_bit, builder.xor(jumped, splat(builder, images[b])), jumped)
            return jumped

        def group(k, _):
            at = vector_at(builder, data, builder.mul(k, constant(LANES)), _I32)
            x = builder.load(at, align=4)
            jumped, before = some(x, _ZEROS, range(16)), builder.block
            largest = builder.call(
                builder.module.declare_intrinsic(f"llvm.vector.reduce.or.v{LANES}i32", (), ir.FunctionType(_I32, [_WORDS])), [x]
            )
            with builder.if_then(builder.icmp_unsigned(">", largest, ir.Constant(_I32, 0xFFFF)), likely=False):  # of long states
                more, inside = some(x, jumped, range(16, 32)), builder.block
            result = builder.phi(_WORDS)
            result.add_incoming(jumped, before)
            result.add_incoming(more, inside)
            builder.store(result, at, align=4)
            return []

        looped_if_any(builder, "jumped", groups, [], group)
        return context.get_dummy_value()

    return void(state, intp, table), codegen


@intrinsic
def _draw_ahead(typing_context, states, values, n, bits, pitch, ticks, dropped, kind, steps, mask, left, right, last):
    def codegen(context, builder, signature, args):
        states, values, bits = (data_of(context, builder, signature.args[k], args[k]) for k in (0, 1, 3))
        n, pitch, ticks, dropped, kind, steps = args[2], *args[4:9]
        numbers, lowest = [splat(builder, value) for value in args[9:]], splat(builder, dropped)
        width = STATES * LANES
        words = builder.shl(builder.lshr(builder.add(n, constant(63)), constant(6)), constant(2))  # whole ones of 64 bits

        def emit(kind):
            def group(k, _):
                first = builder.mul(k, constant(width))
                places = [builder.add(first, constant(v * LANES)) for v in range(STATES)]
                ends = [builder.zext(builder.load(vector_at(builder, values, at, _I8), align=1), _WORDS) for at in places]
                begin = [builder.load(vector_at(builder, states, at, _I32), align=4) for at in places]

                def tick(t, now):
                    now = _drawn(builder, kind, now, steps, numbers)
                    row = builder.add(builder.mul(t, pitch), builder.mul(k, constant(STATES)))
                    for v, (x, end) in enumerate(zip(now, ends, strict=True)):
                        spikes = builder.icmp_signed("<", builder.lshr(x, lowest), end)
                        builder.store(builder.bitcast(spikes, _I16), builder.gep(bits, [builder.add(row, constant(v))]))
                    return now

                for at, x in zip(places, looped(builder, "ticks", ticks, begin, tick), strict=True):
                    builder.store(x, vector_at(builder, states, at, _I32), align=4)
                return []

            looped(builder, "groups", builder.lshr(words, constant(STATES.bit_length() - 1)), [], group)

        _if_any(builder, builder.mul(n, ticks), lambda: _by_kind(builder, kind, emit))
        return context.get_dummy_value()

    return void(states, values, intp, bits, *(intp,) * 9), codegen


if os.environ.get("NUMBA_DISABLE_JIT", "0") in ("", "0"):
    step_lanes, jump_lanes, draw_ahead = _step_lanes, _jump_lanes, _draw_ahead
else:

    def _stepped(x, kind, steps, mask, left, right, last):
        for _ in range(steps):
            if kind:
                x ^= (x << left) & mask
                x ^= x >> right
                x ^= (x << last) & mask
            else:
                x = (x >> 1) ^ (mask & -(x & 1))
        return x

    def step_lanes(state, groups, *generator):
        """Step the first LANES * groups states, uint32, by one draw. generator: kind, steps, mask, left, right, last of RngParam."""
        for i in range(LANES * groups):
            state[i] = _stepped(int(state[i]), *(int(number) for number in generator))

    def jump_lanes(state, groups, table):
        """Jump the first LANES * groups states as `advance` does: a state's image is that of its bits, added up."""
        for i in range(LANES * groups):
            jumped = 0
            for b in range(32):
                jumped ^= int(table[b // 8, 1 << b % 8]) if int(state[i]) >> b & 1 else 0
            state[i] = jumped

    def draw_ahead(states, values, n, bits, pitch, ticks, dropped, *generator):
        """Step n states, uint32, `ticks` times; set bit i of row t of `bits` if the word of i in tick t, without lowest bits, < values[i].

        states, values (uint8) are readable up to the next multiple of 64, and values zero beyond n; so far bits are set or cleared.
        """
        for t in range(ticks if n else 0):
            bits[t * pitch : t * pitch + 4 * ((n + 63) // 64)] = 0
            for i in range(n):
                states[i] = _stepped(int(states[i]), *(int(number) for number in generator))
                bits[t * pitch + i // LANES] |= int(int(states[i]) >> dropped < int(values[i])) << i % LANES
