"""Names of a rule as SystemVerilog has them: its author's, but for words of the language and what tools around a module call theirs."""

import re
from collections.abc import Iterable

from neurochip.core.language.words import RESERVED, numbered

OURS = {"WEIGHT_BITS", "RNG_BITS", "clk", "used", "tried", "one0", "one1"}
"""Parameters of a module; clock and instances of what is put around it."""


class Names:
    """Identifiers of one module, each once."""

    def __init__(self) -> None:
        self._of: dict[str, str] = {}
        self._taken = RESERVED | OURS

    def __getitem__(self, name: str) -> str:
        """Return the identifier of a name; a name that has none yet is an identifier itself."""
        return self._of.get(name, name)

    def add(self, names: Iterable[str]) -> None:
        """Give each of these names an identifier; those that can be one as they are come first."""
        new = [name for name in dict.fromkeys(names) if name not in self._of]
        for name in sorted(new, key=lambda name: name in RESERVED or name != _plain(name)):
            self._of[name] = self.fresh(_plain(name))

    def fresh(self, name: str) -> str:
        """Return an identifier that nothing has yet, near a name, and take it."""
        made = f"{name}_" if name in RESERVED else name
        return self._take(numbered(name, self._taken) if made in self._taken else made)

    def numbered(self, name: str) -> str:
        """Return name_1, or with the first number that nothing has, and take it."""
        return self._take(numbered(name, self._taken))

    def _take(self, made: str) -> str:
        self._taken = self._taken | {made}  # a set of its own: a copy of the names goes on from here
        return made


def _plain(name: str) -> str:
    return re.sub("__+", "_", name)
