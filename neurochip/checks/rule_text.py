"""The checks of a rule in the language of rules: its hardware does what its Python says, and the comparison would see a fault."""

from neurochip.checks.result import Check, check_of
from neurochip.common.errors import NeurochipError
from neurochip.core.language.described import Description
from neurochip.cosim.lint import FRONT_ENDS, Target, lint
from neurochip.cosim.rule.bench import WANTED, find_icarus
from neurochip.cosim.rule.equal import compare
from neurochip.cosim.rule.mutants import judge
from neurochip.cosim.rule.proof import prove
from neurochip.cosim.rule.vectors import FULL
from neurochip.cosim.rule.verilog import Module, modules
from neurochip.cosim.yosys import find_yosys

SAME = "Python, compiled code and hardware give the same"


def text_checks(description: Description) -> list[Check]:
    """Check the functions of a rule; what needs a tool that is missing is left out, and says so."""
    return [*_values(description), lint_check(description)]


def _values(description: Description) -> list[Check]:
    if find_icarus() is None:
        return [check_of(f"{SAME}; left out: {WANTED}", [])]
    proven, judged = prove(description), judge(description, compare if find_yosys() else None)
    values = f"{SAME}: {proven.compared:,} inputs, {proven.exhaustive:,} of them all that there are at small widths"
    faults = f"hardware with a fault in the rule's text differs: {judged.seen} of {judged.seen + len(judged.unseen)} faults"
    if judged.harmless:
        faults += f", {judged.harmless} more are proven to change nothing"
    unproven = "" if find_yosys() else " (yosys, which could prove that it is none, is not installed)"
    return [
        check_of(values, [*proven.compiled, *proven.hardware]),
        check_of(faults, [f"not seen: {told}{unproven}" for told in judged.unseen]),
    ]


def lint_check(description: Description) -> Check:
    """Let every front end that is installed read the rule's modules."""
    faults, used, missing = [], [], []
    for name in FRONT_ENDS:
        try:
            faults += [f"{name}: {said.splitlines()[0]}" for module in modules(description, FULL) if (said := _said(module, name))]
            used.append(name)
        except NeurochipError:
            missing.append(name)
    left_out = f"; left out, as it is not here: {', '.join(missing)}" if missing else ""
    return check_of(f"its SystemVerilog is clean in {', '.join(used) or 'no front end'}{left_out}", faults)


def _said(module: Module, front_end: str) -> str:
    return lint(Target(module.name, module.name, (), text=module.text()), front_end)
