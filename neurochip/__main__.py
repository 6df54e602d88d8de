"""`python -m neurochip` is the command `neurochip`."""

from neurochip.cli.main import main

main(prog_name="neurochip")
