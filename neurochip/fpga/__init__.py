"""An experiment's chip on an FPGA: synthesis, place and route, and what it takes of the device, module by module."""
