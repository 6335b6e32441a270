"""How Sphinx builds these pages: `sphinx-build -W -b html docs docs/_build/html`.

Nothing is downloaded, and nothing that a page needs lies elsewhere. The gallery runs `examples/` on the backend that
Keras runs on.
"""

import os
import re
import shutil
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx_gallery.scrapers import figure_rst

import keras_inits

project = "keras_inits"
author = "the keras_inits authors"
version = release = keras_inits.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "explanation/*-table.md", "gallery/*.py", "gallery/*.ipynb", "gallery/*.zip"]
suppress_warnings = ["config.cache"]  # of the function below

html_theme = "furo"
html_theme_options = {
    name: {"code-font-size": "var(--font-size--small--3)"} for name in ("light_css_variables", "dark_css_variables")
}
html_static_path = ["_static"]
html_css_files = ["wide.css"]
html_show_copyright = False
html_title = f"keras_inits {release}"
html_math_renderer = "mathml"  # Sphinx's own loads a script from elsewhere

smartquotes = False  # texts of errors stand in headings as they are
myst_heading_anchors = 3

default_role = "code"  # what docstrings put between single backticks
add_module_names = False
autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
napoleon_custom_sections = ["Reference"]
python_maximum_signature_line_length = 88
nitpicky = True
# Only our own names have a page here; Python's, NumPy's and Keras's have theirs elsewhere.
nitpick_ignore_regex = [("py:.*", r"(?!keras_inits\.).*")]


def collect_pictures(block, block_vars, gallery_conf):
    """Shows what an example drew: the pictures in its `directory` that are not on the page yet."""
    directory = block_vars["example_globals"].get("directory")
    pictures = []
    for picture in sorted(Path(directory).glob("*.png")) if directory else []:
        target = next(block_vars["image_path_iterator"])
        shutil.move(picture, target)
        pictures.append(target)
    return figure_rst(pictures, gallery_conf["src_dir"])


def write_math(translator, node):
    """Writes a formula as MathML, which browsers show on their own."""
    translator.body.append(tex2mathml(node.astext()))
    raise nodes.SkipNode


def setup(app):
    """Tells Sphinx of the above."""
    app.add_html_math_renderer("mathml", inline_renderers=(write_math, None), block_renderers=(write_math, None))


sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": re.escape(os.sep),
    "image_scrapers": (collect_pictures,),
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_signature": False,
    "write_computation_times": False,
}
