"""The hardware of a rule before there is a chip: state, traffic, operators, gates; with a library area, longest path, energy."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from neurochip.calibrate.cells import DONT_USE, read_cells
from neurochip.calibrate.rule_netlist import ACTIVITY, USES, figures_of
from neurochip.common.errors import NeurochipError
from neurochip.core.language.described import Description, Widths
from neurochip.cosim.rule.counted import count
from neurochip.cosim.rule.gates import gates_of
from neurochip.cosim.rule.verilog import modules
from neurochip.cosim.yosys import WANTED, find_yosys
from neurochip.experiment.chip import Chip, load_chip
from neurochip.experiment.rules import LearningRule, find_rule

COUNTED = "counted from the rule's text"
GENERIC = "yosys' generic synthesis to two-input gates; transistors of static CMOS / 4; no cells of a library"


def described(name: str) -> tuple[LearningRule, Description]:
    """Load a rule in the language of rules. Raises NeurochipError for one that is a hook."""
    found = find_rule(name)
    if found.rule.text is None:
        raise NeurochipError(f"{name}: its rule is a hook, of which no hardware can be made; write it in the language (docs/howto/rule.md)")
    return found, found.rule.text


def hardware(
    name: str, chip: str = "reference", liberty: str | None = None, dont_use: Sequence[str] = (), say: Callable[[str], None] = print
) -> dict[str, Any]:
    """Return what a rule's hardware needs on a chip; every group says of which kind its figures are.

    liberty: file of standard cells; without one gates are counted, and there is no area in um2, no time and no energy.
    Raises NeurochipError: no such rule or chip, a rule that is a hook, no yosys.
    """
    found, description = described(name)
    made = load_chip(chip, {}, "--chip")
    widths = Widths(made.core.weight_bits, made.generator.bits)
    counted = count(description, widths, made.core.word_bits)
    result: dict[str, Any] = {
        "rule": description.name, "summary": found.rule.summary, "rule_sha256": found.plugin.sha256, "chip": made.name,
        "weight_bits": widths.weight_bits, "rng_bits": widths.rng_bits, "word_bits": made.core.word_bits,
        "state": {
            "kind": COUNTED, "register_bits": counted.register_bits, "bits_per_axon": counted.axon_bits,
            "bits_per_neuron": counted.neuron_bits, "bits_per_synapse_beside_the_weight": counted.tag_bits,
        },
        "traffic": {"kind": COUNTED, **counted.traffic},
        "operators": {"kind": COUNTED, "list": [operator._asdict() for operator in counted.operators]},
    }  # fmt: skip
    if find_yosys() is None:
        raise NeurochipError(f"yosys is not installed: it counts the gates; get it with: {WANTED}")
    made_modules = modules(description, widths)
    for module in made_modules:
        say(f"{module.name}: generic synthesis")
    gates = {module.role: gates_of(module) for module in made_modules}
    result["gates"] = {"kind": GENERIC} | {
        role: {"gate_equivalents": one.equivalents, "gates_in_series": one.in_series} for role, one in gates.items()
    }
    if liberty is not None:
        result["cells"] = _with_cells(found, description, widths, made, liberty, dont_use, say)
    return result


def _with_cells(
    found: LearningRule, description: Description, widths: Widths, chip: Chip, liberty: str, dont_use: Sequence[str],
    say: Callable[[str], None],
) -> dict[str, Any]:  # fmt: skip
    library = read_cells(Path(liberty), (*DONT_USE, *dont_use))
    settings = {key: float(one.default) for key, one in found.rule.settings.items()}
    registers = found.rule.quantise(settings, 0, chip.core.frac_bits, widths.rng_bits)
    cells: dict[str, Any] = {
        "kind": f"synthesised with the cells of {library.name}, before layout; {USES} uses of each netlist, with delays; {ACTIVITY}",
        "library": library.name, "vdd_v": library.vdd_v, "registers": dict(zip(description.registers, registers, strict=True)),
    }  # fmt: skip
    for role in description.functions:
        say(f"nc_{description.name}_{role}: synthesis with {library.name}, netlist at work")
        cells[role] = figures_of(description, role, widths, registers, library)._asdict()
    return cells


def write_modules(description: Description, chip: str, folder: Path) -> list[Path]:
    """Write a rule's SystemVerilog at the widths of a chip into `folder`, a file per function; return the files."""
    made = load_chip(chip, {}, "--chip")
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for module in modules(description, Widths(made.core.weight_bits, made.generator.bits)):
        files.append(folder / f"{module.name}.sv")
        files[-1].write_text(module.text(), encoding="utf-8")
    return files
