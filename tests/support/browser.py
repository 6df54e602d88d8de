"""A page as a browser shows it: what it complains about, and what stands outside its frame."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_browser = pytest.mark.skipif(not CHROMIUM, reason="no chromium on this machine: pages are not opened")
VIEWS = [(width, scheme) for width in (1280, 420) for scheme in ("light", "dark")]
# what a box that scrolls holds may be wider than the frame; nothing else may
OUTSIDE = """() => {
    document.querySelectorAll("details").forEach(part => part.open = true);
    const frame = document.documentElement.clientWidth, found = [];
    const clips = part => getComputedStyle(part).overflowX !== "visible";
    const scrolls = part => part && part !== document.body && (clips(part) || scrolls(part.parentElement));
    for (const part of document.querySelectorAll("body *")) {
        const box = part.getBoundingClientRect();
        if (box.width && box.height && (box.right > frame + 1 || box.left < -1) && !scrolls(part.parentElement))
            found.push(`${part.tagName} from ${Math.round(box.left)} to ${Math.round(box.right)}: ${part.textContent.slice(0, 40)}`);
    }
    return found;
}"""
# pairs of text and the ground beneath it that can hardly be told apart (WCAG 2.2, contrast below 3)
FAINT = """() => {
    const light = rgb => { const [r, g, b] = rgb.map(v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
                           return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
    const numbers = text => (text.match(/[0-9.]+/g) || []).map(Number);
    const ground = part => { for (; part; part = part.parentElement) { const c = numbers(getComputedStyle(part).backgroundColor);
                             if (c.length === 3 || c[3] > 0.5) return c.slice(0, 3); } return [255, 255, 255]; };
    const found = [];
    for (const part of document.querySelectorAll("h1,h2,h3,p,td,th,summary,figcaption,li,a,code")) {
        if (!part.innerText || !part.innerText.trim() || part.closest("svg") || !part.getBoundingClientRect().height) continue;
        const [a, b] = [light(numbers(getComputedStyle(part).color).slice(0, 3)), light(ground(part))];
        const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (ratio < 3) found.push(`${part.tagName} ${ratio.toFixed(1)}: ${part.innerText.slice(0, 40)}`);
    }
    return found;
}"""


class Seen(NamedTuple):
    """A page in one frame: messages of the console, parts outside, text too faint to read, links into an SVG plot."""

    complaints: list[str]
    outside: list[str]
    faint: list[str]
    links: int


class Browser:
    """A browser that opens pages from files."""

    def __init__(self, chromium) -> None:
        self._chromium = chromium

    def look(self, page: Path, width: int, scheme: str, picture: Path | None = None) -> Seen:
        """Open a page in a frame `width` pixels wide, in a light or a dark scheme; save what it shows as `picture`."""
        context = self._chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        try:
            tab, complaints = context.new_page(), []
            tab.on("console", lambda message: complaints.append(message.text) if message.type in ("error", "warning") else None)
            tab.on("pageerror", lambda error: complaints.append(str(error)))
            tab.on("requestfailed", lambda request: complaints.append(f"cannot load {request.url}"))
            tab.goto(page.resolve().as_uri())
            outside, faint, links = tab.evaluate(OUTSIDE), tab.evaluate(FAINT), tab.locator("svg a").count()
            if picture:
                tab.screenshot(path=picture, full_page=True)
            return Seen(complaints, outside, faint, links)
        finally:
            context.close()


@contextlib.contextmanager
def open_browser() -> Iterator[Browser]:
    """Start the browser of this machine, without a window."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as player:
        chromium = player.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            yield Browser(chromium)
        finally:
            chromium.close()
