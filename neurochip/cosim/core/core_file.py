"""The core file by which FuseSoC finds the chip on its bus: `rtl_models/neurochip.core`, with every module that ships."""

from neurochip._version import __version__
from neurochip.cosim.verilator import RTL, sources

FILE = RTL / "neurochip.core"
_TEXT = """CAPI=2:
# Made by `make rtl-package`. neurochip_pkg.sv is the main job's; for another chip put that of `neurochip export-rtl` in its place.
name: neurochip:neurochip:nc_bus:{version}
description: A chip that learns on chip with spikes only, on AXI4-Lite and AXI-Streams

filesets:
  rtl:
    files:
      - neurochip_pkg.sv
{files}
      - bus/nc_bus.sv
    file_type: systemVerilogSource
  registers:
    files:
      - bus/nc_bus.rdl
    file_type: user

targets:
  default: &default
    filesets: [rtl]
    toplevel: nc_bus
  lint:
    <<: *default
    flow: lint
    flow_options: {{tool: verilator, verilator_options: [-Wall]}}
  sim:
    <<: *default
    flow: sim
    flow_options: {{tool: icarus, iverilog_options: [-g2012]}}
"""


def text() -> str:
    """Return the text of neurochip.core."""
    headers = [f"      - {path.name}: {{is_include_file: true}}" for path in sorted(RTL.glob("*.svh"))]
    files = "\n".join([*headers, *(f"      - {path.relative_to(RTL)}" for path in sources())])
    return _TEXT.format(version=__version__, files=files)


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
