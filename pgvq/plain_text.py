"""Text of users, such as titles and names, drawn literally by rich and by matplotlib.

Both read a language of their own in text: rich `[bold]` and `:rocket:`, matplotlib
`$x^2$`; a terminal obeys control characters. Whatever prints or draws text that a user
can choose does so through this module, so that it is shown as it was given.
"""

import codecs
import contextlib
import re
import sys
from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.text import Text

# What would be obeyed and not seen: controls, overrides of the direction of writing,
# and halves of characters, which no encoding can write.
_OBEYED = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

# Characters of pgvq's own output, for consoles that cannot show them.
_SPELLED = {
    "–": "-", "—": "-", "−": "-", "×": "x", "±": "+-", "→": "->", "≥": ">=", "≤": "<=",
    "λ": "lambda", "γ": "gamma", "π": "pi", "σ": "sigma", "…": "...", "✓": "+",
    "\N{NO-BREAK SPACE}": " ",
}  # fmt: skip


def visible(text: str) -> str:
    """`text` on one line, with what cannot be seen written as an escape: `\\x1b`."""
    return _OBEYED.sub(_escaped, text)


def literal(text: Any, style: str = "") -> Text:
    """What rich prints as exactly this text; lines are kept."""
    lines = (visible(line) for line in str(text).split("\n"))
    return Text("\n".join(lines), style)


def for_figure(text: str) -> str:
    """What matplotlib draws as exactly this text; lines are kept."""
    lines = (visible(line) for line in str(text).split("\n"))
    # An escaped dollar never opens a formula, and is drawn without its backslash.
    return "\n".join(lines).replace("$", r"\$")


def say(
    console: Console, text: Any, style: str | None = None, *, wrap: bool = True
) -> None:
    """Prints text as it is; without `wrap` lines are never broken."""
    console.print(literal(text, style or ""), highlight=False, soft_wrap=not wrap)


@contextlib.contextmanager
def printable() -> Iterator[None]:
    """Standard output writes what its encoding lacks in other characters.

    Otherwise a console of ASCII ends a finished run in an error.
    """
    stream, before = sys.stdout, getattr(sys.stdout, "errors", "strict")
    # What is no stream of the interpreter's own, such as a test's, is left alone.
    can = before == "strict" and hasattr(stream, "reconfigure")
    if can:
        stream.reconfigure(errors="pgvq")  # pyright: ignore[reportAttributeAccessIssue]
    try:
        yield
    finally:
        if can:
            with contextlib.suppress(ValueError, OSError):  # closed by now
                stream.reconfigure(errors=before)  # pyright: ignore[reportAttributeAccessIssue]


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    if found[0] in "\n\r\t":
        return " "
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"


def _spelled(error: UnicodeError) -> tuple[str, int]:
    """For `codecs`: known characters in words, rich's lines as - | +, others as ?."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    wrong = error.object[error.start : error.end]
    return "".join(_SPELLED.get(c) or _lines(c) for c in wrong), error.end


def _lines(character: str) -> str:
    """The nearest of ASCII to a character of boxes and bars."""
    code = ord(character)
    if not 0x2500 <= code <= 0x259F:
        return "?"
    if code >= 0x2580:
        return "#"
    return (
        "-"
        if character in "─━┄┅┈┉╌╍═╴╶╸╺╼╾"
        else "|"
        if character in "│┃║╵╷╹╻"
        else "+"
    )


codecs.register_error("pgvq", _spelled)
