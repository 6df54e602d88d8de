"""Boolean functions as Liberty writes them (`!(A * B)`, `A'`, `A B` for and) as Verilog expressions, so that a netlist can be simulated."""

import re
from collections.abc import Callable, Sequence

from neurochip.common.errors import NeurochipError

_WORD = re.compile(r"\s*([A-Za-z_][\w\[\]]*|[01]|[!'&*|+^()])")


def variables(function: str) -> list[str]:
    """Return the pins a function reads, each once, in order of appearance."""
    return list(dict.fromkeys(re.findall(r"[A-Za-z_][\w\[\]]*", function)))


def to_verilog(function: str, name: Callable[[str], str], where: str) -> str:
    """Replace every pin of `function` by `name(pin)`. Binds as Liberty does: ' and ! first, then ^, and, or."""
    words, position = [], 0
    function = function.strip()
    while position < len(function):
        match = _WORD.match(function, position)
        if match is None:
            raise NeurochipError(f"{where}: function '{function}' cannot be read at '{function[position:]}'; mend the Liberty file")
        words.append(match[1])
        position = match.end()
    parser = _Parser(words, name)
    try:
        text = parser.any_of()
    except IndexError:
        text = ""
    if not text or parser.words:
        raise NeurochipError(f"{where}: function '{function}' is not complete; mend the Liberty file")
    return text


class _Parser:
    def __init__(self, words: list[str], name: Callable[[str], str]) -> None:
        self.words = words
        self.name = name

    def any_of(self) -> str:
        terms = [self._all_of()]
        while self.words and self.words[0] in "|+":
            self.words.pop(0)
            terms.append(self._all_of())
        return terms[0] if len(terms) == 1 else f"({' | '.join(terms)})"

    def _all_of(self) -> str:
        factors = [self._differ()]
        while self.words and self.words[0] not in "|+)^'":
            if self.words[0] in "&*":
                self.words.pop(0)
            factors.append(self._differ())
        return factors[0] if len(factors) == 1 else f"({' & '.join(factors)})"

    def _differ(self) -> str:
        parts = [self._one()]
        while self.words and self.words[0] == "^":
            self.words.pop(0)
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else f"({' ^ '.join(parts)})"

    def _one(self) -> str:
        word = self.words.pop(0)
        if word == "!":
            text = _inverted(self._one())
        elif word == "(":
            text = self.any_of()
            if self.words.pop(0) != ")":
                raise IndexError
        elif word in "01":
            text = f"1'b{word}"
        elif word in "&*|+^)'":
            raise IndexError
        else:
            text = self.name(word)
        while self.words and self.words[0] == "'":
            self.words.pop(0)
            text = _inverted(text)
        return text


def _inverted(text: str) -> str:
    return f"~({text})" if text.startswith("~") else f"~{text}"  # Verilog has no ~~


def truth_table(function: str, pins: Sequence[str], where: str) -> int:
    """Return the function as an integer whose bit i is its value where bit k of i is the level of pins[k]."""
    rows = 1 << len(pins)
    column = {pin: sum(1 << i for i in range(rows) if i >> k & 1) for k, pin in enumerate(pins)}
    text = to_verilog(function, lambda pin: str(column[pin]), where).replace("1'b1", str((1 << rows) - 1)).replace("1'b0", "0")
    return int(eval(text, {"__builtins__": {}})) & ((1 << rows) - 1)  # nothing but numbers, brackets and operators
