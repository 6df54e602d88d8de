"""`python -m neurochip` is the command `neurochip`."""

from neurochip.cli import main

main(prog_name="neurochip")
