"""The hardware of a learning rule: its SystemVerilog, and what it costs."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from neurochip.api.screen import Shown, console_of
from neurochip.common.screen import show


def price_rule(
    rule: str | os.PathLike[str],
    chip: str = "reference",
    liberty: str | os.PathLike[str] | None = None,
    dont_use: Sequence[str] = (),
    out: str | os.PathLike[str] | None = None,
    rtl: str | os.PathLike[str] | None = None,
    progress: Shown = False,
) -> dict[str, Any]:
    """Count state, traffic, operators and gates of a rule in the language of rules; with a library its area, path and energy. Needs Yosys.

    rule: a name, or the path of a file. chip: a name or a path; its widths are the rule's.
    liberty: the cells' Liberty file; then Icarus Verilog is needed too. dont_use: patterns of cells that synthesis must not use.
    out: a JSON file to write. rtl: a folder for the rule's SystemVerilog, a file per function.
    Raises NeurochipError for a rule that is a hook, a missing tool, a file that is none.
    """
    from neurochip.calibrate.rule_hardware import described, hardware, write_modules
    from neurochip.common.files import write_text

    console, quiet = console_of(progress)

    def say(text: str) -> None:
        if not quiet:
            show(console, text)

    if rtl is not None:
        files = write_modules(described(os.fspath(rule))[1], chip, Path(rtl))
        say(f"wrote {len(files)} modules to {rtl}")
    result = hardware(os.fspath(rule), chip, None if liberty is None else os.fspath(liberty), dont_use, say)
    if out is not None:
        write_text(Path(out), json.dumps(result, indent=2) + "\n")
    return result
