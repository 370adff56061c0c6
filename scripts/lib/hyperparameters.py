"""Edits of section 3 by the command line: `NAME=VALUE` becomes a call of the notebook's sweep."""

from __future__ import annotations

import re

from nbformat import NotebookNode
from pygments.lexers.rust import RustLexer
from pygments.token import Comment, String

NAMES = (
    *("n_estimators", "max_depth", "min_samples_split", "min_samples_leaf", "min_impurity_decrease", "max_features"),
    *("bootstrap", "max_samples", "seed", "learner", "trees_per_task", "share_trees"),
)
# The cell to edit is the first that has it.
SWEEP = "Sweep::over_n_estimators"
VALUE = re.compile(r'[\w\s.,="()\[\]:]+')


class Refused(Exception):
    """What was asked for cannot be set; the message says why and what can."""


def setting(text: str) -> tuple[str, str]:
    """The name and the value in Rust of `NAME=VALUE`.

    Beside what the cell takes, a value may be `A..=B step N`, a word such as `sqrt`, or the name of a learner.
    """
    name, _, value = (part.strip() for part in text.partition("="))
    if name not in NAMES:
        raise Refused(f"'{name}' is no hyperparameter of section 3; there are {', '.join(NAMES)}")
    if not VALUE.fullmatch(value) or any(value.count(a) != value.count(b) for a, b in ("()", "[]")):
        raise Refused(
            f"'{value}' is no value for {name}; write one as in the notebook: 12, 0.5, [5, 10], 10..=100, "
            "'10..=100 step 10', sqrt"
        )
    if name == "learner":
        return name, f"Learner::{value.rpartition(':')[2].capitalize()}"
    if stepped := re.fullmatch(r"(\S+) +step +(\d+)", value):
        return name, f"({stepped[1]}).step_by({stepped[2]})"
    if value.startswith("[") and "None" in value:
        return name, re.sub(r"[\d.]+", r"Some(\g<0>)", value)
    return name, f'"{value}"' if value in ("sqrt", "log2", "all") else value


def apply(notebook: NotebookNode, settings: dict[str, str]) -> None:
    """Edits the cell of section 3."""
    cells = (cell for cell in notebook.cells if cell.cell_type == "code" and SWEEP in without_words(cell.source))
    cell = next(cells, None)
    if cell is None:
        raise Refused(f"the notebook has no cell with {SWEEP}(..), so there is nothing to set")
    for name, value in settings.items():
        cell.source = edited(cell.source, name, value)


def edited(source: str, name: str, value: str) -> str:
    """The cell with another argument in the call of `name`, or with one call more."""
    code = without_words(source)
    start = code.index(SWEEP)
    end = code.find(";", start)
    call = re.compile(rf"(?:\.|\bSweep::over_){name}\s*\(")
    calls = list(call.finditer(code, start, end if end >= 0 else len(code)))
    if calls:
        opened = calls[-1].end()
        return source[:opened] + value + source[closing(code, opened) :]
    behind = closing(code, code.index("(", start) + 1) + 1
    return f"{source[:behind]}\n    .{name}({value}){source[behind:]}"


def without_words(source: str) -> str:
    """Code of the same length, without comments and the text of strings."""
    # The lexer ends a last line that is open.
    tokens = RustLexer(stripnl=False).get_tokens(source)
    code = (" " * len(text) if kind in Comment or kind in String else text for kind, text in tokens)
    return "".join(code)[: len(source)]


def closing(code: str, opened: int) -> int:
    """Where the parenthesis closes that opens before `opened`."""
    depth = 1
    for at in range(opened, len(code)):
        depth += (code[at] in "([{") - (code[at] in ")]}")
        if depth == 0:
            return at
    raise Refused("a parenthesis of the cell with the sweep is not closed")
