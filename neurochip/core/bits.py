"""Bits of a word: what every processor has an instruction for and Numba has no name for."""

import os

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic


@intrinsic
def _lowest_bit(typing_context, word):
    def codegen(context, builder, signature, args):
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.int64), codegen


@intrinsic
def _ones(typing_context, word):
    def codegen(context, builder, signature, args):
        return builder.call(builder.module.declare_intrinsic("llvm.ctpop", [ir.IntType(64)]), args)

    return types.int64(types.int64), codegen


def _of_32_bits(name):
    """An instruction on words of 32 bits, which Numba would widen to 64."""

    @intrinsic
    def operation(typing_context, a, b):
        def codegen(context, builder, signature, args):
            return getattr(builder, name)(*args)

        return types.uint32(types.uint32, types.uint32), codegen

    return operation


if os.environ.get("NUMBA_DISABLE_JIT", "0") in ("", "0"):
    lowest_bit, ones = _lowest_bit, _ones
    left32, right32, and32, or32, xor32 = (_of_32_bits(name) for name in ("shl", "lshr", "and_", "or_", "xor"))
else:

    def left32(word, shift):
        """The word shifted left by less than 32."""
        return np.uint32(int(word) << int(shift) & 0xFFFFFFFF)

    def right32(word, shift):
        """The word shifted right by less than 32."""
        return np.uint32(int(word) >> int(shift))

    def and32(a, b):
        """Bits in both words."""
        return np.uint32(int(a) & int(b))

    def or32(a, b):
        """Bits in either word."""
        return np.uint32(int(a) | int(b))

    def xor32(a, b):
        """Bits in one word alone."""
        return np.uint32(int(a) ^ int(b))

    def ones(word):
        """Number of bits that are set."""
        return int(word).bit_count()

    def lowest_bit(word):
        """Number of the lowest bit that is set; there is one."""
        word = int(word)
        return (word & -word).bit_length() - 1
