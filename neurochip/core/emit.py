"""Loops and vectors in terms of LLVM's instructions: what the vector code of this room is made of."""

from llvmlite import ir
from numba.np.arrayobj import make_array

LANES = 16  # rows are padded to a multiple of this
_I32, _I64 = ir.IntType(32), ir.IntType(64)


def constant(value):
    """Return a number of 64 bits."""
    return ir.Constant(_I64, value)


def data_of(context, builder, array_type, array):
    """Return the pointer to an array's first element."""
    return make_array(array_type)(context, builder, array).data


def vector_at(builder, data, index, element):
    """Return the pointer to LANES elements of `data` from `index` on."""
    return builder.bitcast(builder.gep(data, [index]), ir.VectorType(element, LANES).as_pointer())


def halves(builder, value):
    """Split a vector of 2 * LANES lanes in two; one of LANES stays as it is."""
    if value.type.count == LANES:
        return [value]
    none, index = ir.Constant(value.type, ir.Undefined), ir.VectorType(_I32, LANES)
    return [builder.shuffle_vector(value, none, ir.Constant(index, list(range(k, k + LANES)))) for k in (0, LANES)]


def looped(builder, name, n, values, body, first=None):
    """Emit: for i from `first`, default 0, up to n, at least once: values = body(i, values). Return the values after it. n: of 64 bits."""
    before, loop, end = builder.block, builder.append_basic_block(name), builder.append_basic_block(f"{name}_end")
    builder.branch(loop)
    builder.position_at_end(loop)
    i, phis = builder.phi(_I64), [builder.phi(value.type) for value in values]
    following = body(i, phis)
    i_next, last = builder.add(i, constant(1)), builder.block
    builder.cbranch(builder.icmp_signed("<", i_next, n), loop, end)
    for phi, begin, again in zip([i, *phis], [first or constant(0), *values], [i_next, *following], strict=True):
        phi.add_incoming(begin, before)
        phi.add_incoming(again, last)
    builder.position_at_end(end)
    return following


def looped_if_any(builder, name, n, values, body, likely=None):
    """Emit as `looped`, and nothing of it if n is not above 0: the values then stay. likely: whether it is above."""
    before = builder.block
    with builder.if_then(builder.icmp_signed(">", n, constant(0)), likely=likely):
        found, inside = looped(builder, name, n, values, body), builder.block
    results = [builder.phi(value.type) for value in values]
    for result, begin, again in zip(results, values, found, strict=True):
        result.add_incoming(begin, before)
        result.add_incoming(again, inside)
    return results


def by_columns(builder, width, column, stride, body):
    """Emit: while column + width <= stride, body(column) and move on by the width. Return the final column."""
    columns, work, end = (builder.append_basic_block(name) for name in ("columns", "of_columns", "columns_end"))
    before = builder.block
    builder.branch(columns)
    builder.position_at_end(columns)
    at = builder.phi(_I64)
    at.add_incoming(column, before)
    following = builder.add(at, constant(width))
    builder.cbranch(builder.icmp_signed("<=", following, stride), work, end)
    builder.position_at_end(work)
    body(at)
    at.add_incoming(following, builder.block)
    builder.branch(columns)
    builder.position_at_end(end)
    return at
