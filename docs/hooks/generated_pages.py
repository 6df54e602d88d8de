"""Pages that are made when the site is built: from README.md, from the program's own models and commands, from the decision notes.

So a key, a command, a rule or a chip is described in one place, the code, and a page that disagrees with it cannot exist.
"""

import json
import re
from pathlib import Path

import reference_pages
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

BESIDE = ("LICENSE", "NOTICE", "CITATION.cff")  # files of the root that the README links


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Give notebooks and decision notes their places in the navigation; a new one needs no line there."""
    notebooks = [f"notebooks/{path.stem}.md" for path in _notebooks(config)]
    next(section["How to"] for section in config.nav if "How to" in section).extend([{"Notebooks": notebooks}] if notebooks else [])
    notes = [f"decisions/{path.name}" for path in _notes(config)]
    config.nav.append({"Decisions": ["decisions/index.md", *notes]})
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages."""
    root = Path(config.config_file_path).parent
    pages = {
        "index.md": _from_root((root / "README.md").read_text(encoding="utf-8")),
        "changelog.md": (root / "CHANGELOG.md").read_text(encoding="utf-8"),
        "contributing.md": (root / "CONTRIBUTING.md").read_text(encoding="utf-8"),
        "decisions/index.md": _decisions(config),
        **{f"notebooks/{path.stem}.md": _notebook(path) for path in _notebooks(config)},
        **{f"reference/{name}": text for name, text in reference_pages.pages().items()},
        **{name: (root / name).read_text(encoding="utf-8") for name in BESIDE if (root / name).exists()},
    }
    for name, content in pages.items():
        files.append(File.generated(config, name, content=content))
    return files


def _from_root(text: str) -> str:
    """The README's links, written as seen from docs/."""
    text = text.replace("](docs/decisions)", "](decisions/index.md)").replace("](docs/", "](")
    return re.sub(r"\]\((CHANGELOG|CONTRIBUTING)\.md\)", lambda found: f"]({found[1].lower()}.md)", text)


def _notebooks(config: MkDocsConfig) -> list[Path]:
    return sorted((Path(config.docs_dir) / "notebooks").glob("*.ipynb"))


def _notebook(path: Path) -> str:
    """A notebook as a page: its text and code. The tests execute it; what it prints and draws is seen where it is run."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    texts = [("".join(cell["source"]), cell["cell_type"]) for cell in cells]
    parts = [text if kind == "markdown" else f"```python\n{text}\n```" for text, kind in texts if text.strip()]
    return "\n\n".join([parts[0], f"[This notebook as a file]({path.name}), to run and change.", *parts[1:]]) + "\n"


def _notes(config: MkDocsConfig) -> list[Path]:
    return sorted((Path(config.docs_dir) / "decisions").glob("[0-9]*.md"))


def _decisions(config: MkDocsConfig) -> str:
    lines = [f"- [{path.read_text(encoding='utf-8').partition(chr(10))[0].removeprefix('# ')}]({path.name})" for path in _notes(config)]
    head = "# Decisions\n\nWhy things are as they are: context, choice, what was rejected, and how to tell that the choice was wrong.\n"
    return head + "\n" + "\n".join(lines) + "\n"
