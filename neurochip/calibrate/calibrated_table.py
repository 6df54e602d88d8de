"""Measured cores and macros -> an energy table in the project's own format: numbers only, each with its kind, source and spread."""

import json
from collections.abc import Callable, Sequence

from neurochip.calibrate import fit
from neurochip.calibrate.assumed import assumed_prices
from neurochip.calibrate.cells import Library
from neurochip.calibrate.entries import entry_of, source_of
from neurochip.calibrate.fitted import Fitted
from neurochip.calibrate.flow import Measured
from neurochip.calibrate.measure import WIRES_PF, Figures
from neurochip.calibrate.sram import Macro
from neurochip.calibrate.toml import Spread, number, quote, sized_lines
from neurochip.core.events import Event
from neurochip.energy.prices import PRICED
from neurochip.energy.sized import ROLES
from neurochip.experiment.chip import Chip

NOT_SIMULATED = (Event.HOP, Event.ADDRESS, Event.STATE_READ, Event.STATE_WRITE)  # nothing in the netlist does them
ACCESSES = (Event.WORD_READ, Event.WORD_WRITE, Event.COLUMN_READ)
LEFT_OUT = (
    "Layout and real wires (2 fF per pin are assumed), the clock tree, gate sizing and buffers for large fan-outs, "
    "other corners, toggles of the memory's data and mask pins, links between cores but for an "
    "assumed hop. Not in the netlist: event counters and trace, which only observe. Prices of cores larger than those fitted are "
    "extrapolated along a line, the longest path along one over the logarithms of the sizes: a guess for hundreds of units."
)
NOT_GATED = " The clock is not gated: every flip-flop takes its energy in every cycle, working or waiting."
NO_SHARE = "Least squares finds nothing beyond the events that come with it in the same cycles"
NOT_HERE = "Does not happen in such a core"
TOLERANCE = 0.15


class CalibratedTable(Fitted):
    """The content of a table; `text` writes it."""

    def __init__(self, name: str, node_nm: float | None, chip: Chip, library: Library, macros: Sequence[Macro], measured: Measured) -> None:
        super().__init__(measured)
        self.name = name
        self.node_nm = node_nm
        self.chip = chip
        self.library = library
        self.macros = macros
        self.rng = f"{chip.rng.kind} {chip.rng.sharing}, {chip.generator.bits} bits, {chip.rng.steps_per_draw} steps per draw"

    # ---- text

    def text(self) -> str:
        """Return the TOML file's text."""
        parts = [self._head(), self._events(), self._logic(), self._clock(), self._leakage(), self._area_and_timing()]
        return "\n".join([*parts, self._own_sizes(), self._macros(), self._checks()])

    @property
    def gated_share(self) -> float:
        """Share of the flip-flops that are behind a clock gate."""
        figures = [figures for _, figures in self.measured.figures]
        return sum(f.gated for f in figures) / sum(f.flip_flops for f in figures)

    def _clock_gates(self) -> str:
        cell = self.library.clock_gate()
        if cell is None or not self.gated_share:
            return "none: the library has no clock gate (latch_posedge), so every flip-flop is clocked in every cycle"
        share = f"{100 * self.gated_share:.0f} % of the flip-flops"
        return f"{cell.name}, {share} behind it; what a gated clock takes is in the prices of the events that let it through"

    def _source(self) -> str:
        return source_of(self.library)

    def _head(self) -> str:
        sizes = ", ".join(sorted({f"{core.axons} x {core.neurons}" for core, _ in self.measured.figures}))
        temperature = f", {self.library.temperature_c:g} C" if self.library.temperature_c is not None else ""
        source = (
            f"NETLIST: the project's own RTL (nc_core) synthesised with {self.library.file} ({self.library.vdd_v:g} V{temperature}), "
            f"simulated gate by gate with delays on traces of chip {self.chip.name}; memory: {len(self.macros)} macros to choose from"
        )
        errors = {name: pair[0] for name, pair in self.errors().items()}
        errors |= {f"{name}, with clock": pair[1] for name, pair in self.errors().items()}
        errors |= {f"{name} at another size": error for name, error in self.size_errors().items()}
        lines = [
            "# Energy table made by `neurochip calibrate` (docs/calibrate.md). Units: pJ, nW, um2, ns.",
            f"# Generators calibrated: {self.rng}.",
            "# A price is that of the core's place in the chain (first: encodes inputs; last: winner-take-all and read-out; inner):",
            "# base + per_axon x axons + per_neuron x neurons; low and high are it times low_ratio and high_ratio: toggles",
            "# without delays and no wires, to toggles with delays and 5 fF per pin. Nothing in it is measured on silicon.",
            "",
            f"name = {quote(self.name)}",
            f"title = {quote(f'{self.library.name}: own RTL, netlist simulated with delays, {self.library.vdd_v:g} V, before layout')}",
            *([f"node_nm = {self.node_nm:g}"] if self.node_nm else []),
            f"vdd_v = {self.library.vdd_v:g}",
            f"source = {quote(source)}",
            f"left_out = {quote(LEFT_OUT if self.gated_share else LEFT_OUT + NOT_GATED)}",
            "",
            *self._range(),
            "[calibration]",
            f"chip = {quote(self.chip.name)}",
            f"rng = {quote(self.rng)}",
            f"cells = {quote(self.library.file)}",
            f"fitted_on = [{quote(f'cores of {sizes} (axons x neurons), {self.measured.cycles:,} cycles of netlists')}]",
            'tools = "yosys (synthesis), Icarus Verilog (RTL), own gate simulator (netlists)"',
            f"clock_gates = {quote(self._clock_gates())}",
            *([f"rtl = {quote(self.measured.rtl)}"] if self.measured.rtl else []),
            "",
            "[calibration.hold_out_error]  # (table - netlist) / netlist",
            *(f"{quote(name)} = {number(round(error, 4) + 0.0)}" for name, error in errors.items()),  # + 0.0: no negative zero
            "",
        ]
        return "\n".join(lines)

    def _range(self) -> list[str]:
        """The cores that the lines were fitted on."""
        cores = [core for core, _ in self.measured.figures]
        largest = [f"{name} = {max(getattr(core, name) for core in cores)}" for name in ("axons", "neurons")]
        return ["[fitted]  # prices along a line: up to so many units, built so", *largest, f"knobs = {quote(cores[0].knobs or '-')}", ""]

    def _own_sizes(self) -> str:
        return "\n".join(entry_of(own, self._source()) for own in self.measured.sizes)

    def _events(self) -> str:
        lines = ["# ---- events: logic of the core, without its memory and without the clock", ""]
        for event in PRICED:
            if event in ACCESSES[:2]:
                continue
            lines += self._event(f"pj_per_event.{event.name.lower()}", event)
        return "\n".join(lines)

    def _event(self, section: str, event: Event) -> list[str]:
        assumed = assumed_prices(self.prices["inner"][Event.RNG_DRAW].base, self._source(), self.macros, self.library.vdd_v).get(event)
        return assumed.lines(section) if assumed else self._simulated(section, event)

    def _simulated(self, section: str, event: Event) -> list[str]:
        is_draw = event == Event.RNG_DRAW
        spread = self.spread["random_pj" if is_draw else "logic_pj"]
        lines = []
        for role in ROLES:
            happened = sum(int(a.counts[:, event].sum()) for a in self.measured.fitted if role in a.core.roles)
            note = (
                f"{happened} {'draws, blocks of the generators' if is_draw else 'of them, least squares'}" if happened else "none of them"
            )
            terms = self.prices[role].get(event, fit.Terms())
            reason = [] if any(vars(terms).values()) else [f"reason = {quote(NO_SHARE if happened else NOT_HERE)}"]
            source = f"from = {quote(f'{self._source()}: {note}')}"
            lines += [f"[{section}.{role}]", *sized_lines(terms, spread), 'kind = "simulated"', source, *reason, ""]
        return lines

    def _logic(self) -> str:
        lines = ["# ---- logic around the memory in the cycle of an access; the macro's own energy is added to it", ""]
        for event in ACCESSES:
            if any(event in prices for prices in self.prices.values()):
                lines += self._simulated(f"logic_pj_per_access.{event.name.lower()}", event)
        return "\n".join(lines)

    def _by_role(self, section: str, value: Callable[[Figures], float], spread: Spread, note: str) -> list[str]:
        lines = []
        for role in ROLES:
            source = f"from = {quote(f'{self._source()}: {note}')}"
            lines += [f"[{section}.{role}]", *sized_lines(self._sized(role, value), spread), 'kind = "simulated"', source, ""]
        return lines

    def _clock(self) -> str:
        low, value, high = (sum(figures.clock_pj[name] for _, figures in self.measured.figures) for name in WIRES_PF)
        spread = Spread(low / value, high / value)
        lines = ["# ---- clock: pJ per cycle of all clock pins that are not gated, both edges; a waiting core takes as much", ""]
        for section, note in (("clock.busy_pj", "clock pins that are not gated"), ("clock.idle_pj", "the same")):
            lines += self._by_role(section, lambda figures: figures.clock_pj["value"], spread, note)
        return "\n".join(lines)

    def _leakage(self) -> str:
        cores = [core for core, _ in self.measured.figures]
        values = [figures.leakage_nw for _, figures in self.measured.figures]
        terms = fit.fit_sizes(cores, values)
        ratios = [value / terms.at(core) for core, value in zip(cores, values, strict=True)]
        lines = ["# ---- leakage of all cells, nW; the memory's is in its macros", ""]
        note = 'derivation = "Least squares over the fitted cores of all roles; low and high are the scatter of these"'
        source = f"from = {quote(self._source())}"
        for name, value in (("core_nw", terms.base), ("axon_nw", terms.per_axon), ("neuron_nw", terms.per_neuron)):
            bounds = [f"low = {number(value * min(*ratios, 1.0))}", f"high = {number(value * max(*ratios, 1.0))}"] if value else []
            reason = [] if value else ['reason = "All of it is in the other terms"']
            lines += [f"[leakage.{name}]", f"value = {number(value)}", *bounds, 'kind = "simulated"', source, note, *reason, ""]
        return "\n".join(lines)

    def _area_and_timing(self) -> str:
        lines = ["# ---- um2 of logic and ns of the longest path, before layout; read data after the memory's access time", ""]
        lines += self._by_role("area.logic_um2", lambda figures: figures.area_um2, Spread(1.0, 1.0), "area of its cells")
        for role in ROLES:
            base, axons, neurons = self._path(role)
            slowest = max((f for core, f in self.measured.figures if role in core.roles), key=lambda f: f.path.ns)
            through = " > ".join(block or "nc_core" for block in _short(slowest))
            lines += [
                f"[timing.{role}]",
                f"base_ns = {number(base)}",
                f"per_log2_axons = {number(axons)}",
                f"per_log2_neurons = {number(neurons)}",
            ]
            lines += ['kind = "simulated"', f"from = {quote(f'{self._source()}: longest path, through {through}')}", ""]
        return "\n".join(lines)

    def _macros(self) -> str:
        lines = ["# ---- memory macros: energy of one access of a whole word per clock cycle", ""]
        for macro in sorted(self.macros, key=lambda m: (m.words, m.bits)):
            factor = (self.library.vdd_v / macro.vdd_v) ** 2
            scaled = abs(factor - 1) > 1e-6
            lines += [
                "[[sram_macro]]", f"words = {macro.words}", f"bits = {macro.bits}", f"read_pj = {number(macro.read_pj * factor, 7)}",
                f"write_pj = {number(macro.write_pj * factor, 7)}", f"leakage_nw = {number(macro.leakage_nw, 7)}",
                *([f"area_um2 = {number(macro.area_um2, 7)}"] if macro.area_um2 else []),
                f'kind = "{"scaled" if scaled else "simulated"}"',
                f"from = {quote(macro.file)}",
            ]  # fmt: skip
            if scaled:
                how = f"{macro.vdd_v:g} V -> {self.library.vdd_v:g} V: energies x (V/V)^2 = {factor:.4g}; leakage and area as they are"
                lines.append(f"derivation = {quote(how)}")
            elif macro.edges != "one edge":
                lines.append(f"derivation = {quote('The file gives energy per clock edge; a cycle is both')}")
            lines.append("")
        return "\n".join(lines)

    def _checks(self) -> str:
        lines = ["# ---- netlists that were not fitted: events and clock by this table against toggles x energy per toggle", ""]
        for name, activities in self.measured.held_out.items():
            for activity in activities:
                core, total = activity.core, activity.counts.sum(axis=0)
                counts = ", ".join(
                    f"{event.name.lower()} = {int(total[event])}" for event in PRICED if event not in NOT_SIMULATED and total[event]
                )
                expected = self.netlist_pj(activity)
                lines += [
                    "[[check]]",
                    f"what = {quote(f'{name}: {activity.title}, {core.axons} x {core.neurons}')}",
                    f"from = {quote(self._source())}",
                    f"counts = {{ {counts} }}",
                    f"core = {{ axons = {core.axons}, neurons = {core.neurons}, roles = {json.dumps(list(core.roles))}, "
                    f"busy_cycles = {activity.busy_cycles}, idle_cycles = {activity.idle_cycles} }}",
                    f"expected_pj = {number(expected)}",
                    f"tolerance_pj = {number(TOLERANCE * expected)}",
                    "",
                ]
        return "\n".join(lines)


def _short(figures: Figures) -> list[str]:
    blocks = [block.partition(".")[0] for block in figures.path.blocks]
    return [block for i, block in enumerate(blocks) if i == 0 or blocks[i - 1] != block]
