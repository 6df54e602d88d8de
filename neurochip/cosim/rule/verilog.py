"""SystemVerilog from the text of a rule: one combinational module per function, a wire of the same name for every local name of it.

Every wire has the smallest width that holds its range. Operands are brought to the width and sign of their operation explicitly, so that
no rule of the language about implied widths is leaned on.
"""

import copy
import re
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from neurochip.core.language.described import ROLES, Description, Widths
from neurochip.core.language.expressions import COMPARISONS, Expression, Function
from neurochip.core.language.ranges import Range, Ranges
from neurochip.cosim.rule.names import Names
from neurochip.cosim.rule.widths import Family, bare, bits_of, one, parametric

WIDTH = 132  # of comments
DECIDED = ("CMPCONST", "UNSIGNED")
"""Warnings of a comparison that the ranges of its operands decide: it stands as the author wrote it, and synthesis drops it."""
FIXED = ("draw_end", "w_min", "w_max")
"""What a chip's widths decide: no port, but a constant of the module, unless a binary rule's layers say otherwise."""


class Wire(NamedTuple):
    """Text of a value of exact width; `bits` has a number per point of the family."""

    text: str
    bits: tuple[int, ...]
    is_signed: bool
    is_name: bool = False
    value: int | None = None
    """Of a constant without a name."""


class Port(NamedTuple):
    """A port of a module."""

    name: str
    """In SystemVerilog."""
    of: str
    """In the rule's text: of an input an argument, of an output as `Description.results` names it."""
    ranges: tuple[Range, ...]
    bits: tuple[int, ...]
    is_signed: bool


class Module:
    """One function of a rule as a module."""

    def __init__(self, description: Description, role: str, family: Family, function: Function | None = None, mark: str = "") -> None:
        """Prepare the module; function: in place of the role's own, as of a mutant; mark: after its name. Raises OutsideLanguage as
        `Ranges` does.
        """
        self.name, self.role = f"nc_{description.name}_{role}{mark}", role
        self.description, self.family, self.function = description, family, function or description.functions[role]
        arguments = [description.ranges_of_arguments(role, point) for point in family.points]
        self._ranges = [Ranges(self.function, known, point.weight_bits) for known, point in zip(arguments, family.points, strict=True)]
        fixed = [name for name in FIXED if name in arguments[0] and all(known[name].low == known[name].high for known in arguments)]
        self._names = Names()
        self._names.add([*(name.upper() for name in fixed), *(name for name in arguments[0] if name not in fixed)])
        self._names.add(one.name for one in self.function.assignments)
        self.inputs = tuple(self._port(name, [known[name] for known in arguments]) for name in arguments[0] if name not in fixed)
        allowed = [description.allowed(role, point) for point in family.points]
        own = [[made.results[k] for made in self._ranges] for k in range(len(self.function.results))]
        kept = own if role == "decide" else [[limits[k] for limits in allowed] for k in range(len(own))]
        self.outputs = tuple(self._output(name, limits) for name, limits in zip(description.results(role), kept, strict=True))
        self._names.add(self.function.constants)
        self._fixed = {name: [known[name].low for known in arguments] for name in fixed}
        self._lines: list[str] = []
        self._wires = {port.of: Wire(port.name, port.bits, port.is_signed, True) for port in self.inputs}

    def _port(self, name: str, ranges: Sequence[Range], identifier: str = "") -> Port:
        is_signed = any(limit.is_signed for limit in ranges)
        return Port(identifier or self._names[name], name, tuple(ranges), bits_of(ranges, is_signed), is_signed)

    def _output(self, name: str, ranges: Sequence[Range]) -> Port:
        """Make the port of a result: the wire of that name, if there is one; what an argument is called already, or a constant, is not."""
        if name not in (*self.function.arguments, *self.function.constants):
            self._names.add([name])
            return self._port(name, ranges)
        return self._port(name, ranges, self._names.fresh(f"{name}_out"))

    def text(self) -> str:
        """Write the module."""
        self._lines = [*self._constants()]
        self._fresh, self._is_decided = copy.copy(self._names), False  # of this text
        given = {self._names[one.name] for one in self.function.assignments}
        for assignment in self.function.assignments:
            name = self._names[assignment.name]
            self._wires[assignment.name] = self._declare(name, self._value(assignment.value, name), assignment.comment)
        for port, (_, value) in zip(self.outputs, self.function.results, strict=True):
            if port.name not in given:
                wire = self._value(value, port.name)
                self._lines.append(f"    assign {port.name} = {bare(self._fit(wire, port.bits, port.is_signed))};")
        ports = ",\n".join(
            [self._declared("input", port) for port in self.inputs] + [self._declared("output", port) for port in self.outputs]
        )
        parameters = [
            f"    parameter int {name} = {default}" for name, default in (("WEIGHT_BITS", 16), ("RNG_BITS", 16)) if self._uses(name)
        ]
        head = f"module {self.name} #(\n" + ",\n".join(parameters) + "\n) (" if parameters else f"module {self.name} ("
        body = [head, _with_commas(ports), ");", *self._lines, "endmodule"]
        off, on = ([f"/* verilator lint_{way} {name} */" for name in DECIDED if self._is_decided] for way in ("off", "on"))
        return "\n".join([*self._comment(), "`default_nettype none", *off, *body, *on, "`default_nettype wire", ""])

    def _uses(self, name: str) -> bool:
        return name in self.family.used

    def _comment(self) -> list[str]:
        told = " ".join(self.function.doc.split())
        return [
            f"// {line}"
            for line in textwrap.wrap(f"{told} Combinational. Made from {self.function.name}() of {Path(self.function.file).name}.", WIDTH)
        ]

    def _declared(self, direction: str, port: Port) -> str:
        sign = "signed " if port.is_signed else ""
        limits = {str(limit) for limit in port.ranges}
        comment = f"  // {limits.pop()}" if len(limits) == 1 and set(port.bits) != {1} else ""
        return f"    {direction} wire {sign}{self.family.bus(port.bits)}{port.name}{comment}"

    def _constants(self) -> list[str]:
        """Declare what the widths of the chip fix, then the constants of the rule's module that the function reads."""
        lines = []
        for name, values in self._fixed.items():
            ranges = [Range(value, value) for value in values]
            is_signed = values[0] < 0 or name != "draw_end"
            bits = bits_of(ranges, is_signed)
            first, rest = ("1'b0", "1'b1") if name == "w_max" else ("1'b1", "1'b0")
            value, made = f"{{{first}, {self.family.copies(bits, 1, rest)}}}", self._names[name.upper()]
            lines.append(f"    localparam {'signed ' if is_signed else ''}{self.family.bus(bits)}{made} = {value};")
            self._wires[name] = Wire(made, bits, is_signed, True)
        wholes = [one for whole in self.function.expressions() for one in whole.walk()]
        widths = {id(one.parts[1]) for one in wholes if one.op == "saturate"}  # in a clamp the width is a literal
        read = {one.name for one in wholes if id(one) not in widths}
        for name, constant in self.function.constants.items():
            if name not in read:
                continue
            limit = Range(constant, constant)
            bits = bits_of([limit] * len(self.family.points), limit.is_signed)
            sign = "signed " if limit.is_signed else ""
            lines.append(
                f"    localparam {sign}{self.family.bus(bits)}{self._names[name]} = {self._literal(constant, bits, limit.is_signed)};"
            )
        return lines

    # ---- values

    def _limits(self, one: Expression) -> list[Range]:
        return [ranges[one] for ranges in self._ranges]

    def _literal(self, value: int, bits: Sequence[int], is_signed: bool) -> str:
        if len(set(bits)) > 1:
            return self.family.cast(bits, f"{'-' if value < 0 else ''}32'sd{abs(value)}" if is_signed else f"32'd{value}")
        if value < 0:
            return f"{bits[0]}'sh{value & (1 << bits[0]) - 1:x}"  # a minus would be an operator, which is as wide as what it stands in
        return f"{bits[0]}'{'s' if is_signed else ''}d{value}"

    def _fit(self, wire: Wire, bits: Sequence[int], is_signed: bool) -> str:
        """Bring a value to a width and sign that hold it."""
        bits = tuple(bits)
        if wire.value is not None:
            return self._literal(wire.value, bits, is_signed)
        if wire.bits == bits and wire.is_signed == is_signed:
            return wire.text if wire.is_name or wire.text.startswith("(") else f"({wire.text})"
        text = self.family.cast(bits, wire.text) if wire.bits != bits else wire.text
        return f"$signed({bare(text)})" if is_signed and not wire.is_signed else text

    def _declare(self, name: str, wire: Wire, comment: str) -> Wire:
        sign = "signed " if wire.is_signed else ""
        is_port = name in {port.name for port in self.outputs}
        head = f"    assign {name}" if is_port else f"    wire {sign}{self.family.bus(wire.bits)}{name}"
        line, note = f"{head} = {bare(wire.text)};", f"  // {comment}" if comment else ""
        self._lines += [f"    // {comment}", line] if len(line + note) > WIDTH else [line + note]
        return Wire(name, wire.bits, wire.is_signed, True)

    def _named(self, one: Expression, target: str) -> Wire:
        """Give a value a wire of its own, if it has none: what is read twice is written once."""
        wire = self._value(one, target)
        if wire.is_name:
            return wire
        return self._declare(self._fresh.numbered(target), wire, one.text)

    def _value(self, one: Expression, target: str) -> Wire:
        """Write an expression; `target` names the wires that it needs on the way."""
        limits = self._limits(one)
        is_signed = any(limit.is_signed for limit in limits)
        bits = bits_of(limits, is_signed)
        if one.op == "name":
            return self._wires[one.name]
        if one.op == "constant":
            known = one.name in self.function.constants
            return Wire(
                self._names[one.name] if known else self._literal(one.value, bits, is_signed),
                bits,
                is_signed,
                True,
                None if known else one.value,
            )
        if one.op in ("and", "or"):
            first, second = (self._condition(part, target) for part in one.parts)
            return Wire(f"({first} {'&' if one.op == 'and' else '|'} {second})", bits, False)
        if one.op == "not":
            return Wire(f"~{self._condition(one.parts[0], target)}", bits, False)
        if one.op == "saturate":
            return self._saturated(one, target, bits, is_signed)
        return self._operation(one, target, bits, is_signed)

    def _condition(self, one: Expression, target: str) -> str:
        wire = self._value(one, target)
        if set(wire.bits) == {1}:
            return wire.text
        return f"(|{self._fit(wire, wire.bits, wire.is_signed)})"

    def _common(self, wires: Sequence[Wire], parts: Sequence[Expression], more: Sequence[Range] = ()) -> tuple[tuple[int, ...], bool]:
        """Find the width and sign that hold all operands, and the result if it counts."""
        is_signed = any(wire.is_signed for wire in wires) or any(limit.is_signed for limit in more)
        widths = [bits_of(self._limits(part), is_signed) for part in parts] + ([bits_of(more, is_signed)] if more else [])
        widths += [wire.bits for wire in wires if wire.is_signed == is_signed]
        return tuple(map(max, zip(*widths, strict=True))), is_signed

    def _operation(self, one: Expression, target: str, bits: tuple[int, ...], is_signed: bool) -> Wire:
        op, parts = one.op, one.parts
        if op == "if":
            chosen = [self._value(part, target) for part in parts[1:]]
            width, sign = self._common(chosen, parts[1:])
            first, second = (self._fit(wire, width, sign) for wire in chosen)
            return self._narrowed(f"({self._condition(parts[0], target)} ? {first} : {second})", width, sign, bits, is_signed)
        if op in ("min", "max"):
            if (winner := self._always(one)) is not None:
                return self._value(winner, target)
            wires = [self._named(part, target) for part in parts]
            width, sign = self._common(wires, parts)
            first, second = (self._fit(wire, width, sign) for wire in wires)
            self._is_decided |= self._is_known("<" if op == "min" else ">", parts)
            return self._narrowed(f"({first} {'<' if op == 'min' else '>'} {second} ? {first} : {second})", width, sign, bits, is_signed)
        wires = [self._value(part, target) for part in parts]
        if op in COMPARISONS:
            width, sign = self._common(wires, parts)
            first, second = (self._fit(wire, width, sign) for wire in wires)
            self._is_decided |= self._is_known(op, parts)
            return Wire(f"({first} {op} {second})", bits, False)
        if op in ("<<", ">>"):
            return self._shifted(one, wires, bits, is_signed)
        width, sign = self._common(wires, parts, self._limits(one))
        fitted = [self._fit(wire, width, sign) for wire in wires]
        # -17'(w) is a cast to -17 bits to some readers
        text = f"(-({bare(fitted[0])}))" if op == "neg" else f"({fitted[0]} {'/' if op == '//' else op} {fitted[1]})"
        return self._narrowed(text, width, sign, bits, is_signed)

    def _is_known(self, op: str, parts: Sequence[Expression]) -> bool:
        """Tell whether a comparison always ends alike at some widths: a front end would warn of it."""
        pairs = list(zip(*(self._limits(part) for part in parts), strict=True))
        if op in (">", "<="):
            pairs = [(b, a) for a, b in pairs]
        if op in ("==", "!="):
            return any(a.high < b.low or b.high < a.low or a.low == a.high == b.low == b.high for a, b in pairs)
        return any(a.high < b.low or a.low >= b.high for a, b in pairs)

    def _always(self, one: Expression) -> Expression | None:
        """Return the operand of min or max that is always its value, if the other is a constant: no wire goes astray."""
        first, second = one.parts
        for value, other in ((first, second), (second, first)):
            pairs = zip(self._limits(value), self._limits(other), strict=True)
            if other.op == "constant" and all(a.high <= b.low if one.op == "min" else a.low >= b.high for a, b in pairs):
                return value
        return None

    def _shifted(self, one: Expression, wires: Sequence[Wire], bits: tuple[int, ...], is_signed: bool) -> Wire:
        value, by = wires
        width, sign = self._common([value], one.parts[:1], self._limits(one) if one.op == "<<" else ())
        shift = str(one.parts[1].value) if one.parts[1].op == "constant" and not one.parts[1].name else by.text
        operator = "<<" if one.op == "<<" else ">>>" if sign else ">>"
        return self._narrowed(f"({self._fit(value, width, sign)} {operator} {shift})", width, sign, bits, is_signed)

    def _narrowed(self, text: str, width: tuple[int, ...], sign: bool, bits: tuple[int, ...], is_signed: bool) -> Wire:
        """Cut what the operation was wide, and the result is not."""
        if width == bits and sign == is_signed:
            return Wire(text, bits, is_signed)
        cut = self.family.cast(bits, text) if width != bits else text
        if sign and not is_signed:
            cut = f"$unsigned({bare(cut)})"
        return Wire(cut, bits, is_signed)

    def _saturated(self, one: Expression, target: str, bits: tuple[int, ...], is_signed: bool) -> Wire:
        value, width = self._named(one.parts[0], target), one.parts[1]
        rails = [width.value if width.op == "constant" else point.weight_bits for point in self.family.points]
        if not value.is_signed:
            wide = tuple(n + 1 for n in value.bits)
            value = self._declare(self._fresh.fresh(target), Wire(self._fit(value, wide, True), wide, True), one.parts[0].text)
        if all(n <= rail for n, rail in zip(value.bits, rails, strict=True)):
            return self._narrowed(value.text, value.bits, True, bits, is_signed)
        top, low = self.family.index(value.bits), self.family.index(rails)
        fits = self._fresh.fresh(f"{target}_fits")
        self._lines.append(f"    wire {fits} = &{value.text}[{top}:{low}] | ~|{value.text}[{top}:{low}];")
        clamped = f"{{{value.text}[{top}], {self.family.copies(rails, 1, f'~{value.text}[{top}]')}}}"
        text = f"$signed({fits} ? {value.text}[{low}:0] : {clamped})"
        return self._narrowed(text, tuple(rails), True, bits, is_signed)


def _with_commas(ports: str) -> str:
    """Put each port's comma before its comment."""
    lines = ports.replace(",\n", "\n").splitlines()
    moved = [re.sub(r"(\w)(  //|$)", r"\1,\2", line, count=1) for line in lines[:-1]]
    return "\n".join([*moved, lines[-1]])


def modules(description: Description, widths: Widths | None = None) -> list[Module]:
    """Return the modules of a rule's functions, in the order of ROLES: for these widths, or with parameters."""
    return [Module(description, role, one(widths) if widths else parametric()) for role in ROLES if role in description.functions]
