"""An extension of Griffe: lines of a docstring that begin with a parameter's name become a list on the site."""

import re
from typing import Any

import griffe


class ParameterLists(griffe.Extension):
    """Rewrites docstrings of functions: `name: what it is` as an entry of a list, and what is raised as a paragraph of its own."""

    def on_function_instance(self, *, func: griffe.Function, **kwargs: Any) -> None:
        """Rewrite the docstring of one function."""
        if func.docstring is not None:
            func.docstring.value = _listed(func.docstring.value, {parameter.name for parameter in func.parameters})


def _listed(text: str, names: set[str]) -> str:
    lines, is_list = [], False
    for line in text.splitlines():
        found = re.match(r"(\w+(?:, \w+)*): ", line)
        if found and set(found[1].split(", ")) <= names:
            shown = ", ".join(f"`{name}`" for name in found[1].split(", "))
            lines += ([] if is_list else [""]) + [f"- {shown}: {line[found.end() :]}"]
            is_list = True
        elif is_list and line.startswith(("Raises ", "Return")):
            lines += ["", line]
            is_list = False
        else:
            lines.append(f"  {line}" if is_list and line.strip() else line)
    return "\n".join(lines)
