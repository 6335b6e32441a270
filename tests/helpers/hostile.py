"""Names that something between here and a reader may interpret, cut or refuse."""

NAMES = {
    "terminal": "\x1b[2J\x1b]0;owned\x07",
    "line ends": "a\nb\r\nc\x0b\x85\u2028d",
    "overwritten": "healthy\x08\x08\rbad",
    "NUL": "a\0b",
    "lone surrogate": "a\ud800b\udcff",
    "direction": "\u202egnp.exe\u202c",
    "formula": '=HYPERLINK("http://x","y")',
    "another formula": "@SUM(1+1)|cmd",
    "comma, quotes": "a,b;\"c\"'d'\t",
    "markup": "[bold]a[/bold]",
    "closing tag": "[/he]",
    "link": "[link=http://x]y",
    "emoji code": ":fire:",
    "HTML": "<script>alert('&')</script>",
    "attribute": '" onmouseover="x',
    "template": "{{ 7 * 7 }}{% raw %}",
    "format": "%s{0}{name}",
    "mathematics": r"$\frac$ ${a",
    "hidden from legends": "_name",
    "path": "..",
    "pattern": "a.*(b|[",
    "long": 200_000 * "a",
    "long as well": 199_999 * "a" + "b",
    "blank": " ",
    "empty": "",
}
LAYER_NAMES = {what: name.replace("/", "|") for what, name in NAMES.items()}  # Keras allows no slash


def is_plain(text: str, lines: bool = True) -> bool:
    """Whether a terminal shows a text as it is."""
    return all(line.isprintable() for line in (text.split("\n") if lines else [text]))
