"""Takes the pictures that the docs show: `python docs/pictures.py [REPORT]`.

A page that draws is run, and its pictures are kept. REPORT is the page of the default command, `keras-inits compare`;
it is photographed in Debian's chromium. All pictures have few colours, to be small.
"""

import os
import re
import sys
import tempfile
from pathlib import Path

from PIL import Image

HERE = Path(__file__).resolve().parent
STATIC = HERE / "_static"
sys.path.insert(0, str(HERE.parent / "tests"))
from helpers.browser import DESKTOP, PHONE, Browser  # noqa: E402

DRAWN = {
    "tutorial.md": ("vanishing", "even"),
    "how-to/watch.md": ("norms", "heatmap", "profile"),
    "how-to/diagnose.md": ("diagnosis",),
}
PHOTOGRAPHED = {"report": (DESKTOP, False), "report-dark": (DESKTOP, True), "report-phone": (PHONE, False)}
COLOURS = 128
FENCE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def draw(page: str, names: tuple[str, ...]) -> None:
    """Runs the code of a page in an empty folder, and keeps these of its pictures."""
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        code = FENCE.findall((HERE / page).read_text(encoding="utf-8"))
        exec("\n".join(code), {"__name__": "__main__"})
        for name in names:
            keep(Path(f"{name}.png"), name)
        os.chdir(HERE)


def photograph(report: Path) -> None:
    """Takes each of the pictures of the report."""
    with tempfile.TemporaryDirectory() as folder, Browser(Path(folder)) as browser:
        for name, (size, dark) in PHOTOGRAPHED.items():
            browser.open(report, size, dark)
            if size == PHONE:
                browser.run("document.querySelector('#first').previousElementSibling.scrollIntoView()")
                browser.settle()
            file = Path(folder) / f"{name}.png"
            browser.picture(file)
            keep(file, name)


def keep(file: Path, name: str) -> None:
    """Writes a picture with few colours to where the docs find it."""
    Image.open(file).convert("RGB").quantize(COLOURS).save(STATIC / f"{name}.png", optimize=True)


if __name__ == "__main__":
    for page, names in DRAWN.items():
        draw(page, names)
    for report in sys.argv[1:]:
        photograph(Path(report).resolve())
