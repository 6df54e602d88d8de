"""The Liberty format: text -> a tree of groups. What the groups mean is read in `cells` (standard cells) and `sram` (memory macros).

Foundries write the format loosely (missing semicolons, comments anywhere, lists over many lines), so the reader is loose too; but what
is neither group, attribute nor comment is refused with its line, as a damaged table would give plausible wrong numbers.
"""

import gzip
import math
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from neurochip.common.errors import NeurochipError

_COMMENT = re.compile(r'"(?:[^"\\]|\\.)*"|/\*.*?\*/|//[^\n]*', re.DOTALL)
_ARGUMENTS = r'\(((?:"[^"]*"|[^"(){}])*)\)'
_TOKEN = re.compile(
    rf"\s*(?:(?P<open>\w+)\s*{_ARGUMENTS}\s*\{{"
    rf"|(?P<call>\w+)\s*{_ARGUMENTS}\s*;?"
    r'|(?P<key>\w+)\s*:\s*("[^"]*"|[^;{}\n]*?)\s*(?:;|(?=[\n}]))'
    r"|(?P<close>\})|(?P<stop>;)|(?P<end>$))"
)
_FLOAT = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_BETWEEN = re.compile(r'[\s,"\\]+')


@dataclass
class Group:
    """`kind(name) { ... }`: simple attributes as text, `values(...)`-like ones as the text in their brackets, and groups within."""

    kind: str
    name: str
    where: str = ""
    """File and line, for messages."""
    attributes: dict[str, str] = field(default_factory=dict)
    calls: dict[str, str] = field(default_factory=dict)
    groups: list["Group"] = field(default_factory=list)

    def all(self, *kinds: str) -> Iterator["Group"]:
        """Yield the groups directly within that are of one of `kinds`."""
        return (group for group in self.groups if group.kind in kinds)

    def number(self, key: str, low: float = -math.inf) -> float | None:
        """Return a simple attribute as a number, None if it is not there; a NeurochipError if it is no number, or below `low`."""
        if key not in self.attributes:
            return None
        value = self._float(self.attributes[key], key)
        if value < low:
            raise NeurochipError(f"{self.where}: {key} of {self.kind}({self.name}) = {value:g}, limit {low:g}; mend it there")
        return value

    def numbers(self, key: str) -> list[float]:
        """Return all numbers of `key(...)`, in order; a single `key : 1.0` counts too. A NeurochipError if one is none."""
        texts = _BETWEEN.split(self.calls.get(key, self.attributes.get(key, "")))
        return [self._float(text, key) for text in texts if text]

    def _float(self, text: str, key: str) -> float:
        value = float(text) if _FLOAT.fullmatch(text) else math.nan
        if not math.isfinite(value):
            raise NeurochipError(f"{self.where}: {key} of {self.kind}({self.name}) holds '{text:.40}', expected a number; mend it there")
        return value


def read_text(path: Path) -> str:
    """Return the text of a Liberty file, gunzipped if it is compressed."""
    try:
        data = path.read_bytes()
        return (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode("latin-1")
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise NeurochipError(f"{path}: damaged gzip file ({error}); fetch it again") from None
    except OSError as error:
        raise NeurochipError(f"{path}: {error.strerror}; give the path of a Liberty file (.lib or .lib.gz)") from None


def without_comments(text: str) -> str:
    """Blank the comments and line continuations of `text`; line numbers and quoted text stay."""

    def blank(match: re.Match[str]) -> str:
        return match[0] if match[0].startswith('"') else "\n" * match[0].count("\n") or " "

    return _COMMENT.sub(blank, text).replace("\\\n", " \n").replace("\\\r\n", " \n")


def parse(text: str, where: str) -> Group:
    """Return the `library` group of a Liberty text. Raises NeurochipError, naming `where` and the line, if it is none."""
    text = without_comments(text)
    top = Group("", "")
    stack, position, line, counted = [top], 0, 1, 0
    while True:
        match = _TOKEN.match(text, position)
        if match is None:
            _refuse(where, text, position, "neither a group nor an attribute")
        position = match.end()
        kind = match.lastgroup
        if match["open"]:
            line, counted = line + text.count("\n", counted, match.start("open")), match.start("open")
            group = Group(match["open"], _plain(match[2]), f"{where}: line {line}")
            stack[-1].groups.append(group)
            stack.append(group)
        elif match["call"]:
            stack[-1].calls[match["call"]] = match[4]
        elif match["key"]:
            value, known = _plain(match[6]), stack[-1].attributes
            if known.setdefault(match["key"], value) != value:
                _refuse(where, text, match.start("key"), f"a second {match['key']} of {stack[-1].kind}({stack[-1].name}), which differs")
        elif match["close"]:
            if len(stack) == 1:
                _refuse(where, text, position - 1, "a } without its {")
            stack.pop()
        elif kind == "end" or position >= len(text):
            break
    if len(stack) > 1:
        raise NeurochipError(f"{where}: ends within {stack[-1].kind}({stack[-1].name}): the file is cut off; fetch it again")
    libraries = list(top.all("library"))
    if len(libraries) != 1:
        raise NeurochipError(f"{where}: no Liberty file: it holds {len(libraries)} library groups, not one; give a .lib or .lib.gz file")
    return libraries[0]


def only_cells(text: str, names: set[str]) -> str:
    """Return `text` without the cells that are not in `names`, and without comments."""
    text = without_comments(text)
    kept, position = [], 0
    for match in re.finditer(r"\bcell\s*\(\s*\"?([^\"()]+?)\"?\s*\)\s*\{", text):
        if match[1] not in names and match.start() >= position:
            kept.append(text[position : match.start()])
            position = _closing(text, match.end())
    return "".join([*kept, text[position:]])


def _closing(text: str, position: int) -> int:
    depth = 1
    for match in re.compile(r'"[^"]*"|[{}]').finditer(text, position):
        depth += {"{": 1, "}": -1}.get(match[0], 0)
        if depth == 0:
            return match.end()
    return len(text)


def _plain(text: str) -> str:
    return text.replace('"', "").strip()


def _refuse(where: str, text: str, position: int, why: str) -> NoReturn:
    rest = text[position:].lstrip()
    line = text.count("\n", 0, len(text) - len(rest)) + 1
    raise NeurochipError(f"{where}: line {line}: {why}: {rest[:40]!r}; no Liberty file, or a damaged one")
