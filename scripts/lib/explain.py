"""Messages for a cell that failed: a plain sentence, rustc's message, and the cell's own lines."""

from __future__ import annotations

import re
from dataclasses import dataclass

from cell import AT, Cell

INTERRUPTED = (
    "Interrupted. All variables are lost: run the notebook again from the top. "
    "A sweep with a journal goes on where it stopped."
)
ENDED = "The process of this notebook's variables has ended ({status}), so they are lost: run it again from the top."
KEPT = "Variables of other cells are kept; those that this cell was to make are not. Change the cell and run it again."

# A pattern of rustc's or evcxr's messages, and a plain sentence. The first match is used.
SENTENCES = [
    (
        r"(?:use|borrow|assign) of (?:partially )?moved value: `(.+?)`",
        "`{0}` has been moved: what takes `{0}` keeps it. Pass `&{0}` there, or `{0}.clone()`.",
    ),
    (
        r"cannot find value `(.+?)` in this scope",
        "There is no variable `{0}`. Either it is spelled otherwise, or the cell that makes it has not run "
        "since the kernel started or was interrupted, or another cell moved it (pass `&{0}` there).",
    ),
    (
        r"cannot find (?:type|trait|function|tuple struct/variant|struct, variant or union type|macro|\w+) `(.+?)`"
        r"|use of (?:undeclared (?:type|module|crate or module)|unresolved module or unlinked crate) `(.+?)`",
        "`{0}` is not known here. Is it spelled right, and has the notebook's first cell run?",
    ),
    (
        r"no (?:method|field) (?:named )?`(.+?)` (?:found for|on) (?:type|enum|struct)? ?`(?:std::result::)?Result<",
        "What comes before `.{0}` returns a `Result`: put `?` between them.",
    ),
    (
        r"no (?:method|field|function or associated item|associated \w+|variant)[^`]*`(.+?)` [^`]*`(.+?)`",
        "`{1}` has no `{0}`. The Tab key shows what there is.",
    ),
    (
        r"mismatched types\n(?:.*\n)*?(?:expected integer, found `Option|expected `Option<.*>`, found integer)",
        "Whole numbers and `None` do not mix in one list: write [Some(3), None].",
    ),
    (
        r"mismatched types|incompatible types|arguments? to this .* incorrect|cannot .* (?:to|from|by|with) `Result<",
        "A value of another type is wanted here. If it is a `Result`, put `?` behind the call that returns it.",
    ),
    (
        r"the trait bound `(.+?): .+?` is not satisfied",
        "A value of type `{0}` does not fit here.",
    ),
    (
        r"`(.+?)` is no value for this hyperparameter",
        "A value of type `{0}` does not fit here. Write a whole number such as 5, a list such as [5, 10] or a range "
        "such as 5..=10; fractions fit max_features, max_samples and min_impurity_decrease.",
    ),
    (
        r"The variable `(.+?)` contains a reference",
        "`{0}` borrows from another variable, which no variable of a notebook can do. Leave out the `&`, write "
        "`.clone()`, or put the cell's code between {{ and }}.",
    ),
    (
        r"cannot (?:borrow|assign to|assign twice to)[^`]*`(.+?)`",
        "`{0}` cannot be changed. `let mut {0} = {0};` makes it a variable that can.",
    ),
]

ANSI = re.compile(r"\x1b\[[0-9;]*m")
HEADER = re.compile(r"(?:\[(?P<code>[\w:]+)\] )?Error: ")
# What rustc writes below the code that it underlines.
LABEL = re.compile(r"╰─+ (.+)")
ROW = re.compile(r"\s*(?P<line>\d*)\s*[│┆·](?P<text>.*)")


@dataclass
class Failure:
    """The content of Jupyter's `error` message."""

    ename: str
    evalue: str
    traceback: list[str]

    def content(self) -> dict[str, object]:
        return {"ename": self.ename, "evalue": self.evalue, "traceback": self.traceback}


def bold(text: str) -> str:
    """Bold, the only emphasis that is legible on the red background of errors in every theme."""
    return f"\x1b[1m{text}\x1b[0m"


def sentence(message: str) -> str | None:
    """A plain sentence for a frequent error; below the message may stand the labels of its drawing."""
    for pattern, words in SENTENCES:
        if found := re.search(pattern, message):
            plain = words.format(*(group for group in found.groups() if group is not None))
            return plain.replace("of type `{float}`", "like 0.5").replace("of type `{integer}`", "like 1")
    return None


def at_run_time(cell: Cell) -> Failure:
    """A failed `?`, or a panic."""
    kind = "Panic" if cell.end == "panicked" else "Error"
    return Failure(kind, cell.failure, [bold(f"{kind}: {cell.failure}"), *place(cell), "", KEPT])


def place(cell: Cell) -> list[str]:
    """The lines of the statement that failed."""
    lines = cell.lines()
    if lines is None:
        return []
    first, last = lines
    text = cell.code.split("\n")
    where = f"line {first}" if first == last else f"lines {first} to {last}"
    return ["", f"In {where} of this cell:", *(f"  {line}" for line in text[first - 1 : last])]


def declaration(message: str, cell: Cell) -> list[str]:
    """The line with the `let` of a variable that evcxr cannot keep."""
    text = cell.code.split("\n")
    for name in re.findall(r"^The variable `(\w+)`|type of variable `(\w+)`", message):
        pattern = re.compile(rf"\blet\b.*\b{''.join(name)}\b")
        return [f"  line {i} │ {line}" for i, line in enumerate(text, 1) if pattern.search(line)]
    return []


def interrupted() -> Failure:
    return Failure("Interrupted", INTERRUPTED, [bold(INTERRUPTED)])


def ended(status: str) -> Failure:
    words = ENDED.format(status=status.strip())
    return Failure("ProcessEnded", words, [bold(words)])


def refused(errors: list[dict[str, object]], cell: Cell) -> list[Failure]:
    """The errors of a cell that did not compile; its warnings only if there are no errors."""
    found = []
    for error in errors:
        message, drawn = str(error["evalue"]), [ANSI.sub("", line) for line in error["traceback"]]  # type: ignore
        header = HEADER.match(drawn[0]) if drawn else None
        code = (header["code"] or "") if header else ""
        warning = code.islower() or any(line.startswith("warning: ") or " warning: " in line for line in drawn)
        plain = sentence("\n".join([message, *LABEL.findall("\n".join(drawn))]))
        said = f"error[{code}]: {message}" if code else f"error: {message}"
        drawing = draw(drawn[1:], cell) if header else label(drawn, message, cell)
        headline = [bold(plain), "", said] if plain else [bold(said)]
        found.append(
            (warning, Failure(code or "Error", message, [*headline, *(drawing or declaration(message, cell))]))
        )
    return [failure for warning, failure in found if not warning] or [failure for _, failure in found]


def draw(drawn: list[str], cell: Cell) -> list[str]:
    """rustc's drawing of the code, as evcxr makes it, with the cell's own line numbers."""
    rows = []
    for line in drawn:
        # The rest repeats lines, for rustc's further hints.
        if "├─[" in line:
            break
        row = ROW.fullmatch(line.rstrip())
        if row:
            rows.append((own_line(int(row["line"]), cell) if row["line"] else None, AT.sub("", row["text"])))
    return frame(rows)


def label(drawn: list[str], message: str, cell: Cell) -> list[str]:
    """The same for code with letters beyond ASCII, which evcxr does not draw but lists, without line numbers."""
    sent = cell.sent.split("\n")
    rows: list[tuple[int | None, str]] = []
    for line in drawn:
        if line in message.split("\n"):
            continue
        number = sent.index(line) + 1 if line.strip() and sent.count(line) == 1 else None
        rows.append((own_line(number, cell) if number else None, f" {AT.sub('', line)}"))
    return frame(rows)


def own_line(sent: int, cell: Cell) -> int:
    """A line's number in the cell as it was written."""
    return sent - 1 if cell.first is not None and sent > cell.first else sent


def frame(rows: list[tuple[int | None, str]]) -> list[str]:
    """The rows behind a margin that names the lines, without empty ones above, below and in pairs."""
    width = max((len(f"line {line}") for line, _ in rows if line), default=0)
    out: list[str] = []
    for line, text in rows:
        if line or text.strip() or (out and out[-1].strip(" │")):
            out.append(f"  {f'line {line}' if line else '':>{width}} │{text}".rstrip())
    while out and not out[-1].strip(" │"):
        out.pop()
    return ["", *out] if out else []
