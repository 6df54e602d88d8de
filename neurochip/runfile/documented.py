"""The tables of docs/run_format.md about summary.json, made from the model: `python -m neurochip.runfile.documented` writes them anew."""

from pathlib import Path
from typing import Any

from neurochip.common.files import write_text
from neurochip.runfile.summary import Summary

PAGE = Path(__file__).parents[2] / "docs" / "run_format.md"
BEGIN = "<!-- made from neurochip/runfile/summary.py by `python -m neurochip.runfile.documented`; do not edit -->"
END = "<!-- end of what is made -->"
WORDS = {  # of one, of many
    "integer": ("integer", "integers"),
    "number": ("number", "numbers"),
    "string": ("text", "texts"),
    "boolean": ("`true` or `false`", "truths"),
    "null": ("`null`", "`null`"),
}


def summary_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of summary.json."""
    return Summary.model_json_schema() | {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "neurochip summary.json"}


def summary_tables() -> str:
    """Return summary.json in Markdown: a table of its keys, then one for each table in it."""
    schema = summary_schema()
    forms: dict[str, Any] = schema["$defs"]
    uses: dict[str, list[tuple[str, str]]] = {}
    _find("", schema, forms, uses)
    parts = [_table(schema)]
    for name in uses:
        about = " ".join(forms[name]["description"].split())
        parts.append(f"### {', '.join(f'`{path}`' for path in _paths(name, uses))}\n\n{about}\n\n{_table(forms[name])}")
    return "\n\n".join(parts)


def updated(page: str) -> str:
    """Return the text of the page with the tables as the model has them now."""
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{summary_tables()}\n\n{END}{rest.partition(END)[2]}"


def _find(owner: str, form: dict[str, Any], forms: dict[str, Any], uses: dict[str, list[tuple[str, str]]]) -> None:
    """Note by which keys of which owners each form is used, in the order of the file."""
    for key, what in form["properties"].items():
        name, brackets = _reference(what)
        if name is None:
            continue
        known = name in uses
        uses.setdefault(name, []).append((owner, key + brackets))
        if not known:
            _find(name, forms[name], forms, uses)


def _paths(name: str, uses: dict[str, list[tuple[str, str]]]) -> list[str]:
    """Return where a form is; below one that is in several places the path begins with dots."""
    found = []
    for owner, key in uses[name]:
        above = _paths(owner, uses) if owner else []
        found.append(f"{above[0]}.{key}" if len(above) == 1 else f"... {key}" if above else key)
    return found


def _reference(what: dict[str, Any]) -> tuple[str | None, str]:
    """Return the form that a key holds, with [] behind it in a list."""
    for part in [what, *what.get("anyOf", [])]:
        if "$ref" in part:
            return part["$ref"].rpartition("/")[2], ""
        if "items" in part and "$ref" in part["items"]:
            return part["items"]["$ref"].rpartition("/")[2], "[]"
    return None, ""


def _table(form: dict[str, Any]) -> str:
    rows = []
    for key, what in form["properties"].items():
        later = "" if key in form["required"] else "; may be absent"
        rows.append(f"| `{key}` | {_words(what)} | {what['description']}{later} |")
    return "\n".join(["| key | type | meaning |", "| --- | --- | --- |", *rows])


def _words(what: dict[str, Any], many: bool = False) -> str:
    if "anyOf" in what:
        return " or ".join(_words(part, many) for part in what["anyOf"])
    if "prefixItems" in what:
        return f"[{', '.join(_words(part) for part in what['prefixItems'])}]"
    if what.get("type") == "array":
        inner = _words(what["items"], True)
        return f"list{'s' * many} of {f'({inner})' if ' or ' in inner else inner}"
    if "$ref" in what or what.get("type") == "object":
        values = what.get("additionalProperties")
        return f"table{'s' * many}" + (f" of {_words(values, True)}" if isinstance(values, dict) else "")
    one, several = WORDS[what["type"]]
    return several if many else one


if __name__ == "__main__":
    write_text(PAGE, updated(PAGE.read_text(encoding="utf-8")))
