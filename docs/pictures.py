"""Takes the pictures of the report that the docs show: `python docs/pictures.py REPORT`, with Debian's chromium.

The report is that of the default command, `keras-inits compare`. The pictures are kept with few colours, to be small.
"""

import sys
import tempfile
from pathlib import Path

from PIL import Image

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests"))
from helpers.browser import DESKTOP, PHONE, Browser  # noqa: E402

PICTURES = {"report": (DESKTOP, False), "report-dark": (DESKTOP, True), "report-phone": (PHONE, False)}
COLOURS = 128


def take(report: Path) -> None:
    """Writes each of the pictures."""
    with tempfile.TemporaryDirectory() as folder, Browser(Path(folder)) as browser:
        for name, (size, dark) in PICTURES.items():
            file = HERE / "_static" / f"{name}.png"
            browser.open(report, size, dark)
            if size == PHONE:
                browser.run("document.querySelector('#first').previousElementSibling.scrollIntoView()")
                browser.settle()
            browser.picture(file)
            Image.open(file).convert("RGB").quantize(COLOURS).save(file, optimize=True)


if __name__ == "__main__":
    take(Path(sys.argv[1]).resolve())
