"""The modules that ship of rules with a learning unit in the RTL: written from the rules' texts, with WEIGHT_BITS and RNG_BITS.

Run as a program it writes them anew; a test compares what lies there.
"""

from neurochip.core import rules
from neurochip.cosim import verilator
from neurochip.cosim.rule.verilog import modules


def shipped_modules() -> dict[str, str]:
    """Return the texts by file name."""
    found = [rule.text for rule in (rules.load(name) for name in rules.names()) if rule.rtl is not None and rule.text is not None]
    return {f"{module.name}.sv": module.text() for description in found for module in modules(description)}


def main() -> None:
    """Write the modules."""
    for name, text in shipped_modules().items():
        (verilator.RTL / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
