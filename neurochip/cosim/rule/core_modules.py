"""A rule's functions as a core takes them: its modules, and around each one that picks the registers and states that it reads.

`nc_learning` of the RTL has one vector of registers, one of states per axon and per neuron, and one of what decisions tell.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from neurochip.core.language.described import STATES_READ, Description, State, Widths
from neurochip.core.language.ranges import Range
from neurochip.cosim.rule.verilog import Module, Port
from neurochip.cosim.rule.widths import bits_of, one

SWEEP_BITS = 16
FACTOR_BITS = 8


class CoreSizes(NamedTuple):
    """What the widths of a core's rule hang on."""

    weight_bits: int
    rng_bits: int
    axons: int
    neurons: int
    potential_bits: int


class Slot(NamedTuple):
    """Bits of a vector that hold one number."""

    name: str
    at: int
    bits: int


class RuleHardware:
    """A rule on the cores of a chip: how its vectors are laid out, and the text of its modules."""

    def __init__(self, description: Description, cores: Sequence[CoreSizes]) -> None:
        """Lay out the vectors. Raises OutsideLanguage where the functions' ranges leave what the language holds."""
        self.description, self.cores = description, tuple(cores)
        self.of_core = [
            replace(description, most_rows=core.axons, most_channels=core.neurons, potential_bits=core.potential_bits) for core in cores
        ]
        self.registers = _laid_out(self._register_bits())
        self.axon = _states(description.axon)
        self.neuron = _states(description.neuron)
        self.tags = _states(description.synapse)
        self._modules = [self._modules_of(c) for c in range(len(cores))]
        self.told = [_laid_out([(port.of, port.bits[0]) for port in of["decide"].outputs]) for of in self._modules]

    def _register_bits(self) -> list[tuple[str, int]]:
        rule, widths = self.description, [Widths(core.weight_bits, core.rng_bits) for core in self.cores]
        found = [("at_work", 1), *([("sweep_ticks", SWEEP_BITS)] if rule.has_sweeps else [])]
        largest = max((state.range().high for state in rule.axon.values()), default=0)
        known = {
            "trace_peak": [Range(0, largest)], "trace_factor": [Range(0, (1 << FACTOR_BITS) - 1)],
            **{name: [Range(-(1 << w.weight_bits - 1), (1 << w.weight_bits - 1) - 1) for w in widths] for name in ("w_min", "w_max")},
            **{name: [register.range(w) for w in widths] for name, register in rule.registers.items()},
        }  # fmt: skip
        read = {name for function in rule.functions.values() for name in function.arguments}
        for name, ranges in known.items():
            if name in read and (rule.is_binary or name not in ("w_min", "w_max")):
                found.append((name, max(bits_of(ranges, any(limit.is_signed for limit in ranges)))))
        return found

    def _modules_of(self, c: int) -> dict[str, Module]:
        core, description = self.cores[c], self.of_core[c]
        family = one(Widths(core.weight_bits, core.rng_bits))
        first = self.cores.index(core)  # cores of the same sizes share their modules
        return {role: Module(description, role, family, mark=f"_{first}") for role in description.functions}

    @property
    def register_bits(self) -> int:
        """Bits of all registers."""
        return _width(self.registers)

    def text(self) -> str:
        """Write all modules: the functions', then what a core instantiates."""
        names: dict[str, str] = {}
        for of in self._modules:
            names |= {module.name: module.text() for module in of.values() if module.name not in names}
        parts = [*names.values(), self._axon(), self._neuron(), self._decide(), self._synapse(), self._bias()]
        return "\n".join(["/* verilator lint_off DECLFILENAME */", *parts, "/* verilator lint_on DECLFILENAME */", ""])

    # ---- what a core instantiates

    def _wrapped(self, name: str, what: str, parameters: str, ports: Sequence[str], bodies: Sequence[Sequence[str]]) -> str:
        """Write a module with a body for each core."""
        lines = [
            f"// {what}, of the rule {self.description.name}: what a core has of it. Combinational. Counterpart: core/language/keeping.py.",
            "`default_nettype none", f"module {name} #(", f"    parameter int CORE = 0{parameters}", ") (",
            *(f"    {port}{',' if k + 1 < len(ports) else ''}" for k, port in enumerate(ports)), ");", "    generate",
        ]  # fmt: skip
        for c, body in enumerate(bodies):
            lines += [f"        {'end else ' if c else ''}if (CORE == {c}) begin : core_{c}", *(f"            {line}" for line in body)]
        inputs = ", ".join(port.split()[-1] for port in ports if port.startswith("input"))
        return "\n".join([*lines, "        end", "    endgenerate", f"    wire unused = &{{1'b0, {inputs}}};", "endmodule",
                          "`default_nettype wire", ""])  # fmt: skip

    def _parameters(self, *names: str) -> str:
        """Write parameters with the values of the first core, as readers elaborate what nobody has set."""
        core = self.cores[0]
        known = {
            "N_AXONS": core.axons, "TOLD_BITS": _width(self.told[0]), "BITS": core.rng_bits, "WEIGHT_BITS": core.weight_bits,
            "FIELD_BITS": core.weight_bits + _width(self.tags), "V_BITS": core.potential_bits,
        }  # fmt: skip
        return "".join(f",\n    parameter int {name} = {known[name]}" for name in names)

    def _instance(self, c: int, role: str, outputs: dict[str, str]) -> list[str]:
        module = self._modules[c][role]
        pins = [f".{port.name}({self._source(c, role, port)})" for port in module.inputs]
        pins += [f".{port.name}({outputs[port.of]})" for port in module.outputs]
        return [f"{module.name} {role}_function ({', '.join(pins)});"]

    def _source(self, c: int, role: str, port: Port) -> str:
        """Say where the input of a function comes from."""
        bits, name = port.bits[0], port.of
        reads = STATES_READ.get(role, ())
        vectors = [
            ("registers", self.registers, True), ("told", self.told[c] if role in ("synapse", "bias") else [], True),
            ("x", self.axon, "axon" in reads), ("y", self.neuron, "neuron" in reads),
        ]  # fmt: skip
        for vector, slots, is_there in vectors:
            for slot in slots:
                if slot.name == name and is_there:
                    return f"{vector}[{slot.at + bits - 1}:{slot.at}]"
        for slot in self.tags:
            if slot.name == name:
                at = self.cores[c].weight_bits + slot.at
                return f"field[{at + bits - 1}:{at}]"
        if name == "channels":
            return f"{bits}'d{self.cores[c].neurons}"
        whole = {"w": "field", "b": "b", "v": "v", "signal": "signal", "reward": "reward", "draw": "draw", "taught": "taught",
                 "x_sum": "x_sum", "rows": "n_rows"}  # fmt: skip
        return f"{whole[name]}[{bits - 1}:0]" if name in whole else name

    def _axon(self) -> str:
        bits, outputs = max(1, _width(self.axon)), {f"{slot.name}_then": _part("x_then", slot) for slot in self.axon}
        ports = [f"input wire [{self.register_bits - 1}:0] registers", f"input wire [{bits - 1}:0] x", "input wire spiked",
                 f"output wire [{bits - 1}:0] x_then"]  # fmt: skip
        bodies = [self._instance(c, "axon", outputs) if self.axon else ["assign x_then = '0;"] for c in range(len(self.cores))]
        return self._wrapped("nc_rule_axon", "States of an axon after a tick", "", ports, bodies)

    def _neuron(self) -> str:
        bits, outputs = max(1, _width(self.neuron)), {f"{slot.name}_then": _part("y_then", slot) for slot in self.neuron}
        ports = [f"input wire [{self.register_bits - 1}:0] registers", f"input wire [{bits - 1}:0] y", "input wire fired",
                 "input wire signed [V_BITS-1:0] v", "input wire signed [1:0] taught", f"output wire [{bits - 1}:0] y_then"]  # fmt: skip
        bodies = [self._instance(c, "neuron", outputs) if self.neuron else ["assign y_then = '0;"] for c in range(len(self.cores))]
        return self._wrapped("nc_rule_neuron", "States of a neuron after a tick", self._parameters("V_BITS"), ports, bodies)

    def _decide(self) -> str:
        axon_bits = max(1, _width(self.axon))
        ports = [f"input wire [{self.register_bits - 1}:0] registers", "input wire signed [1:0] signal", "input wire [BITS-1:0] draw",
                 "input wire signed [1:0] reward", "input wire sweep", f"input wire [N_AXONS*{axon_bits}-1:0] x",
                 "input wire [N_AXONS-1:0] rows", f"input wire [{max(1, _width(self.neuron)) - 1}:0] y", "output wire is_drawn",
                 "output wire learns", "output wire [TOLD_BITS-1:0] told"]  # fmt: skip
        parameters = self._parameters("N_AXONS", "TOLD_BITS", "BITS")
        return self._wrapped("nc_rule_decide", "A decision", parameters, ports, [list(self._decision(c)) for c in range(len(self.cores))])

    def _decision(self, c: int) -> Iterator[str]:
        rule, module, told = self.description, self._modules[c]["decide"], self.told[c]
        ports = {port.of: port for port in module.inputs}
        if rule.reads("decide", "x_sum"):
            first, port = self.axon[0] if self.axon else Slot("", 0, 1), ports["x_sum"]
            is_signed = bool(rule.axon) and next(iter(rule.axon.values())).is_signed
            yield f"wire [{port.bits[0] - 1}:0] x_sum;"
            yield (
                f"nc_rule_sum #(.N(N_AXONS), .BITS({max(1, _width(self.axon))}), .FIRST_BITS({first.bits}), .IS_SIGNED({int(is_signed)}), "
                f".SUM_BITS({port.bits[0]})) adder (.x(x), .rows(rows), .sum(x_sum));"
            )
        if rule.reads("decide", "rows"):
            yield "wire [15:0] visited;"
            yield "nc_ones #(.N(N_AXONS)) count (.flags(rows), .ones(visited));"
            yield "wire [15:0] n_rows = visited == '0 ? 16'd1 : visited;"
            yield "wire unused_rows = &{1'b0, n_rows};"
        if "draws" in rule.functions:
            yield from self._instance(c, "draws", {"is_drawn": "is_drawn"})
        else:
            yield f"assign is_drawn = 1'b{int(rule.reads('decide', 'draw'))};"
        yield from self._instance(c, "decide", {slot.name: _part("told", slot) for slot in told})
        yield f"assign learns = |{_part('told', told[0])};"

    def _synapse(self) -> str:
        ports = [f"input wire [{self.register_bits - 1}:0] registers", "input wire [FIELD_BITS-1:0] field",
                 f"input wire [{max(1, _width(self.axon)) - 1}:0] x", "input wire [TOLD_BITS-1:0] told", "input wire [BITS-1:0] draw",
                 "output wire [FIELD_BITS-1:0] field_then"]  # fmt: skip
        parameters = self._parameters("FIELD_BITS", "TOLD_BITS", "BITS")
        bodies = []
        for c, core in enumerate(self.cores):
            outputs = {"w_then": f"field_then[{core.weight_bits - 1}:0]"}
            outputs |= {f"{slot.name}_then": _part("field_then", slot, core.weight_bits) for slot in self.tags}
            bodies.append(self._instance(c, "synapse", outputs))
        return self._wrapped("nc_rule_synapse", "A weight after an event, and its tag", parameters, ports, bodies)

    def _bias(self) -> str:
        ports = [f"input wire [{self.register_bits - 1}:0] registers", "input wire [WEIGHT_BITS-1:0] b", "input wire [TOLD_BITS-1:0] told",
                 "input wire own", f"input wire [{max(1, _width(self.neuron)) - 1}:0] y", "output wire visits",
                 "output wire [WEIGHT_BITS-1:0] b_then"]  # fmt: skip
        parameters = self._parameters("WEIGHT_BITS", "TOLD_BITS")
        return self._wrapped("nc_rule_bias", "A bias after an event", parameters, ports, [self._bias_of(c) for c in range(len(self.cores))])

    def _bias_of(self, c: int) -> list[str]:
        if "bias" not in self.description.functions:
            return ["assign visits = 1'b0;", "assign b_then = b;"]
        asked = [slot for slot in self.told[c] if slot.name == "bias_told"]
        visits = f"|{_part('told', asked[0])}" if asked else "1'b1"
        return [f"assign visits = {visits};", *self._instance(c, "bias", {"b_then": "b_then"})]


def _laid_out(bits: Sequence[tuple[str, int]]) -> list[Slot]:
    slots, at = [], 0
    for name, n in bits:
        slots.append(Slot(name, at, n))
        at += n
    return slots


def _states(states: Mapping[str, State]) -> list[Slot]:
    return _laid_out([(name, state.bits) for name, state in states.items()])


def _width(slots: Sequence[Slot]) -> int:
    return sum(slot.bits for slot in slots)


def _part(vector: str, slot: Slot, above: int = 0) -> str:
    return f"{vector}[{above + slot.at + slot.bits - 1}:{above + slot.at}]"
