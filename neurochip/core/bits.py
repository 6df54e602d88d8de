"""Bits of a word: what every processor has an instruction for and Numba has no name for."""

import os

from llvmlite import ir
from numba import types
from numba.extending import intrinsic


@intrinsic
def _lowest_bit(typing_context, word):
    def codegen(context, builder, signature, args):
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.int64), codegen


if os.environ.get("NUMBA_DISABLE_JIT", "0") in ("", "0"):
    lowest_bit = _lowest_bit
else:

    def lowest_bit(word):
        """Number of the lowest bit that is set; there is one."""
        word = int(word)
        return (word & -word).bit_length() - 1
