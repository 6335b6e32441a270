"""Names and values that others chose, as text: nothing in them is interpreted, by a terminal, a page or a spreadsheet.

shown       a value in an error          -> its repr, cut
printable   a text in a terminal, a page -> without control characters
one_line    a message                    -> in one line
stand_in    a name in tables and rules   -> printable, and of a length that a table bears
no_formula  a name in a spreadsheet      -> as it is read, and not computed
unique      a name beside others         -> with a number behind it if it is taken
some_of     a long list in a message     -> its first entries
"""

import re
from collections.abc import Collection, Iterable, Sequence

MAX_SHOWN = 400
LONGEST = 200
NAMELESS = "(no name)"
_STYLE = re.compile(r"\x1b\[[\d;]*m")
_FORMULA = re.compile(r"[=+\-@]")
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?(e[+-]?\d+)?", re.IGNORECASE)


def shown(value: object) -> str:
    """A value's repr, as an error shows it: in one line of printable characters, cut if it is long.

    What has no repr is shown by its type: an integer of more digits than Python writes, an object whose own code fails.

    Example:
        >>> shown("a" * 1000).count("a") < 400
        True
        >>> shown(10**5000)
        '<an int of 16610 bits>'
    """
    try:
        text = repr(value)
    except Exception as error:  # the object's own code, which may fail in any way
        if isinstance(value, int):
            return f"<an int of {int(value).bit_length()} bits>"
        return f"<a {type(value).__name__}, whose repr fails with {type(error).__name__}>"
    return printable(_cut(text, MAX_SHOWN))


def printable(text: str) -> str:
    r"""The text with each character that is not printable written as Python writes it.

    Such are control characters, line ends, lone surrogates, and those that turn the direction of writing.

    Example:
        >>> print(printable("dense\x1b[2J"))
        dense\x1b[2J
    """
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)


def one_line(text: str) -> str:
    r"""A message, such as Keras's with their bold beginnings, as one line of printable characters.

    Example:
        >>> one_line("\x1b[1mno model\x1b[0m\n\n  of ours")
        'no model of ours'
    """
    return printable(" ".join(_STYLE.sub("", text).split()))


def stand_in(name: str, longest: int = LONGEST) -> str:
    r"""The name, if it is printable and not too long; else what is shown in its place.

    Example:
        >>> stand_in("dense"), stand_in("a\nb"), len(stand_in("a" * 200_000))
        ('dense', 'a\\nb', 200)
    """
    return _cut(printable(_cut(name, longest)), longest) or NAMELESS


def no_formula(name: str) -> str:
    """The name as a spreadsheet takes it for text: behind an apostrophe, if it would be a formula.

    Example:
        >>> no_formula("dense"), no_formula("=1+1"), no_formula("-0.01")
        ('dense', "'=1+1", '-0.01')
    """
    return f"'{name}" if _FORMULA.match(name) and not _NUMBER.fullmatch(name) else name


def unique(name: str, taken: Collection[str]) -> str:
    """The name, with a number behind it if it is taken."""
    number, candidate = 1, name
    while candidate in taken:
        number += 1
        candidate = f"{name}#{number}"
    return candidate


def all_unique(names: Iterable[str]) -> list[str]:
    """The names in their order, each with a number behind it if an earlier one has it.

    Example:
        >>> all_unique(["a", "b", "a"])
        ['a', 'b', 'a#2']
    """
    found: dict[str, None] = {}
    for name in names:
        found[unique(name, found)] = None
    return list(found)


def some_of(texts: Sequence[str], most: int) -> str:
    """The first of some texts, and three dots if there are more.

    Example:
        >>> some_of(["1", "2", "3"], 2)
        '1, 2, ...'
    """
    return ", ".join(texts[:most]) + (", ..." if len(texts) > most else "")


def _cut(text: str, length: int) -> str:
    """A long text without its middle, of which three dots are left."""
    if len(text) <= length:
        return text
    end = (length - 3) // 2
    return f"{text[: length - 3 - end]}...{text[len(text) - end :]}"
