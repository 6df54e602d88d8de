"""Accelergy's two files added up as Accelergy defines it."""

from pathlib import Path

import pytest


def recomputed(folder: Path) -> float:
    """The total of the two files as Accelergy defines it: counts of each action times its energy in the table of the same path."""
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    ert, counts = (yaml.safe_load((folder / name).read_text(encoding="utf-8")) for name in ("ERT.yaml", "action_counts.yaml"))
    energy = {(t["name"], a["name"]): a["energy"] for t in ert["ERT"]["tables"] for a in t["actions"]}
    assert ert["ERT"]["version"] == counts["action_counts"]["version"] == 0.4
    total, todo = 0.0, [("", counts["action_counts"])]
    while todo:
        path, node = todo.pop()
        todo += [(f"{path}{child['name']}.", child) for child in node.get("subtree", [])]
        for local in node.get("local", []):
            total += sum(energy.pop((path + local["name"], a["name"])) * a["counts"] for a in local["action_counts"])
    assert not energy  # every priced action is counted, and each once
    return total
