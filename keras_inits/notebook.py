"""How objects show themselves in a notebook."""

import html

STYLE = "color: inherit; background: none; overflow-x: auto; white-space: pre; line-height: 1.3"
"""The page's own colours, light or dark; a line that is too long scrolls by itself."""


class Shown:
    """An object that a notebook shows as `print` does."""

    def _repr_html_(self) -> str:
        try:
            text = str(self)
        except Exception as error:  # a cell that ends with the object must not fail for it
            text = f"<{type(self).__name__} cannot be shown: {type(error).__name__}: {error}>"
        return f'<pre style="{STYLE}">{html.escape(text)}</pre>'
