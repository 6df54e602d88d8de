"""What a study varies: `KEY=a,b,c`, `KEY=4..16`, `KEY=4..16:4`, of any key that `--set` knows, joined keys, and conditions.

One grammar for the command line, the [sweep] table and Python. A value is kept as its text; a number drawn from a range as a number.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from neurochip.common.errors import NeurochipError, did_you_mean

Value = str | int | float
Point = Mapping[str, Value]
"""The settings of a trial, by the name of what is varied; what a condition leaves out is not in it."""

FORM = "must have the form KEY=a,b,c or KEY=low..high or KEY=low..high:step, for example network.layers.0.weight_bits=4..16:4"
EVERY = "network.layers.*."
MOST_STEPS = 10_000


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included; without a step real ones are continuous, on a logarithmic scale if `log`."""

    low: Decimal
    high: Decimal
    step: Decimal | None
    log: bool

    @property
    def is_whole(self) -> bool:
        """True if all its numbers are integers."""
        return self.step is not None and all(number == int(number) for number in (self.low, self.high, self.step))

    def values(self) -> tuple[str, ...]:
        """Return the numbers as texts, the lowest first; none of a continuous range."""
        if self.step is None:
            return ()
        n = int((self.high - self.low) / self.step) + 1
        return tuple(_plain(self.low + k * self.step) for k in range(n))


@dataclass(frozen=True)
class Vary:
    """Keys that change together, the values they take, and the values of another one under which they change at all."""

    text: str
    keys: tuple[str, ...]
    domain: tuple[str, ...] | Range
    when: tuple[str, tuple[str, ...]] | None = None

    @property
    def name(self) -> str:
        """Keys as the user joined them: what heads a column."""
        return ":".join(self.keys)

    @property
    def values(self) -> tuple[str, ...]:
        """Texts of all values; none of a continuous range."""
        return self.domain.values() if isinstance(self.domain, Range) else self.domain

    def holds(self, point: Point) -> bool:
        """Tell whether its condition holds at a point."""
        if self.when is None:
            return True
        other, wanted = self.when
        return other in point and text_of(point[other]) in wanted

    def settings(self, value: Value, n_layers: int) -> list[str]:
        """Return what `--set` is given for a value; `network.layers.*` is every one of `n_layers`."""
        text = text_of(value)
        parts = _split(text, ":") if len(self.keys) > 1 else [text]
        given = zip(self.keys, parts * len(self.keys) if len(parts) == 1 else parts, strict=True)
        return [f"{one}={part}" for key, part in given for one in _spread(key, n_layers)]


def text_of(value: Value) -> str:
    """Return a value as `--set` takes it."""
    return value if isinstance(value, str) else repr(value)


def settings_at(varied: Sequence[Vary], point: Point, n_layers: int) -> tuple[str, ...]:
    """Return the `--set` texts of a point, in the order in which keys were given."""
    return tuple(text for vary in varied if vary.name in point for text in vary.settings(point[vary.name], n_layers))


def parse_all(texts: Sequence[str], where: str = "--vary") -> tuple[Vary, ...]:
    """Parse what is to be varied. Raises NeurochipError for a wrong form, an empty range, a key given twice or a condition on nothing."""
    found: list[Vary] = []
    for text in texts:
        vary = _parse(text, where)
        names = [one.name for one in found]
        taken = {key for one in found for key in one.keys} & set(vary.keys)
        if taken:
            raise NeurochipError(f"{where} {text}: {', '.join(sorted(taken))} is varied twice; give all of its values once")
        if vary.when and vary.when[0] not in names:
            raise NeurochipError(f"{where} {text}: when {vary.when[0]}: must be varied before it{did_you_mean(vary.when[0], names)}")
        if vary.when:
            known = next(one.values for one in found if one.name == vary.when[0])
            strange = [value for value in vary.when[1] if known and value not in known]
            if strange:
                raise NeurochipError(f"{where} {text}: when {vary.when[0]}={strange[0]}: takes no such value; known: {', '.join(known)}")
        found.append(vary)
    if not found:
        raise NeurochipError(f"{where}: nothing is varied; it {FORM}")
    return tuple(found)


def _parse(text: str, where: str) -> Vary:
    rest, _, condition = text.partition(" when ")
    key, equals, values = rest.strip().partition("=")
    keys = tuple(key.strip().split(":"))
    if not equals or not all(re.fullmatch(r"[\w-]+(\.[\w*-]+)*", one) for one in keys):
        raise NeurochipError(f"{where} {text}: {FORM}")
    domain = _domain(values.strip(), f"{where} {text}")
    if not isinstance(domain, Range):
        for value in domain:
            n = len(_split(value, ":")) if len(keys) > 1 else 1
            if n not in (1, len(keys)):
                raise NeurochipError(f"{where} {text}: '{value}' has {n} parts for {len(keys)} keys; give one value for all, or one each")
    when = None
    if condition:
        other, equals, wanted = condition.strip().partition("=")
        if not equals:
            raise NeurochipError(f"{where} {text}: a condition must have the form `when OTHER=a,b`")
        when = (other.strip(), tuple(_split(wanted, ",")))
    return Vary(text, keys, domain, when)


def _domain(values: str, where: str) -> tuple[str, ...] | Range:
    texts = _split(values, ",") if values else []
    if len(texts) == 1 and ".." in texts[0] and texts[0][0] not in "'\"[{./":
        return _range(texts[0], where)
    if not texts or "" in texts:
        raise NeurochipError(f"{where}: has an empty value; it {FORM}")
    twice = {text for text in texts if texts.count(text) > 1}
    if twice:
        raise NeurochipError(f"{where}: has {', '.join(sorted(twice))} twice; give each value once")
    return tuple(texts)


def _range(text: str, where: str) -> Range:
    bounds, _, step_text = text.partition(":")
    low_text, _, high_text = bounds.partition("..")
    log = step_text == "log"
    try:
        low, high = Decimal(low_text), Decimal(high_text)
        step = None if log or not step_text else Decimal(step_text)
        finite = all(number.is_finite() for number in (low, high, step or low))
    except InvalidOperation:
        finite = False
    if not finite:
        raise NeurochipError(f"{where}: '{text}' is no range of numbers; it {FORM}")
    is_whole = "." not in low_text + high_text and low == int(low) and high == int(high)
    if step is None and is_whole and not log:
        step = Decimal(1)
    if low > high:
        raise NeurochipError(f"{where}: the range is empty, {low_text} is above {high_text}; give the lower end first")
    if step is not None and step <= 0:
        raise NeurochipError(f"{where}: step = {step_text}: must be above 0")
    if log and low <= 0:
        raise NeurochipError(f"{where}: low = {low_text}: must be above 0 on a logarithmic scale")
    if step is not None and (high - low) / step >= MOST_STEPS:
        raise NeurochipError(f"{where}: has more than {MOST_STEPS:,} values; give a larger step")
    return Range(low, high, step, log)


def _split(text: str, mark: str) -> list[str]:
    """Split at a mark that is neither in quotes nor in brackets."""
    parts, depth, quote = [""], 0, ""
    for sign in text:
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "'\"":
            quote = sign
        elif sign in "[{":
            depth += 1
        elif sign in "]}":
            depth -= 1
        if sign == mark and not quote and not depth:
            parts.append("")
        else:
            parts[-1] += sign
    return [part.strip() for part in parts]


def _spread(key: str, n_layers: int) -> list[str]:
    """Name the key of every layer that `network.layers.*` stands for."""
    if not key.startswith(EVERY):
        return [key]
    return [key.replace("*", str(i), 1) for i in range(n_layers)]


def _plain(number: Decimal) -> str:
    """Write a number without a power of ten where it is short, and without zeros at its end."""
    return str(int(number)) if number == int(number) and abs(number) < 10**15 else format(number.normalize(), "f")
