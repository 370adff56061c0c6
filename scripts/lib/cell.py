"""One run of a cell: the code that evcxr gets for it, and how the run ended, read from its output.

evcxr answers `ok` when `?` fails and when a cell panics, and waits for ever when a cell leaves a line of output open.
So the front inserts a line before the cell's own code. The front alone sees what that line prints:

- A value that lives as long as the cell's code. When it is dropped, it writes a mark to both streams: the number of
  the cell, how the code ended, and at which line. The mark starts a new line, so that evcxr recognises its own.
- `println!` and `eprintln!` that act like those of `std`, but for the two calls that evcxr generates for a failed `?`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from pygments.lexers.rust import RustLexer
from pygments.token import Comment, Operator, Punctuation, Whitespace

# First character of what the inserted code prints for the front. Cells have no reason to print this character.
MARK = "\x02"
# First character of what may be the message of a failed `?`.
MESSAGE = "\x03"

PLANTED = """
#[allow(unused_macros, unused_macro_rules)] macro_rules! println {
    (evcxr_cell $number:literal $at:ident $line:literal) => {
        let $at = {
            struct At(std::cell::Cell<u32>);
            impl Drop for At {
                fn drop(&mut self) {
                    let end = if std::thread::panicking() { "panicked" } else { "ended" };
                    let mark = format!("\\n\\u{2}{} {end} {}", $number, self.0.get());
                    std::println!("{mark}");
                    std::eprintln!("{mark}");
                }
            }
            At(std::cell::Cell::new($line))
        };
    };
    (evcxr_at $at:ident $line:literal) => { $at.0.set($line); };
    ("{}", evcxr_internal_runtime::USER_ERROR_OCCURRED) => {{
        std::eprintln!("\\u{2}failed");
        std::println!("\\n\\u{2}failed\\n{}", evcxr_internal_runtime::USER_ERROR_OCCURRED);
    }};
    ($($rest:tt)*) => { std::println!($($rest)*) };
}
#[allow(unused_macros, unused_macro_rules)] macro_rules! eprintln {
    (evcxr error $format:literal $error:ident) => { std::eprintln!(concat!("\\u{3}", $format), $error) };
    (evcxr $other:ident $format:literal $error:ident) => { std::eprintln!($format, $error) };
    ($format:literal, $error:ident) => { eprintln!(evcxr $error $format $error) };
    ($($rest:tt)*) => { std::eprintln!($($rest)*) };
}
println!(evcxr_cell NUMBER _evcxr_at LINE);
"""
PLANTED = " ".join(line.strip() for line in PLANTED.strip().splitlines())
AT = re.compile(r" println!\(evcxr_at _evcxr_at \d+\);")

# Lines before a cell's Rust code that evcxr takes for commands, or skips.
NOT_CODE = re.compile(r"!| *:[^ ]*( +.*)?$|//|\s*$|#!\[")
PANIC = re.compile(r"thread '(?P<thread>.*?)'.* panicked at (?P<place>.*?):?$")
# The place that `dbg!` prints: a line of the code that evcxr generates.
DBG = re.compile(r"^\[(ctx/)?src/lib\.rs:\d+:\d+\] ")
FRAME = re.compile(r"\s*\d+: |\s+at |note: Some details are omitted")


def plant(code: str, number: int) -> tuple[str, int | None]:
    """The code for evcxr, and the line before which it has one more; `None` where there is no Rust code."""
    lines = code.split("\n")
    first = next((i for i, line in enumerate(lines) if not NOT_CODE.match(line)), None)
    if first is None:
        return code, None
    planted = PLANTED.replace("NUMBER", str(number)).replace("LINE", str(first + 1))
    rust = "\n".join(lines[first:])
    ends = statements(rust)
    for end, following in reversed(ends):
        line = first + 1 + rust.count("\n", 0, following)
        rust = f"{rust[:end]} println!(evcxr_at _evcxr_at {line});{rust[end:]}"
    return "\n".join([*lines[:first], planted, rust]), first + 1


def statements(rust: str) -> list[tuple[int, int]]:
    """Where a line ends with the `;` of a statement of the cell itself, and where the next statement starts."""
    found, depth, end = [], 0, None
    for at, kind, text in RustLexer(stripnl=False).get_tokens_unprocessed(rust):
        if kind in Comment.Single or kind in Comment.Multiline or kind in Whitespace or not text.strip():
            continue
        if end is not None and "\n" in rust[end:at]:
            found.append((end, at))
        end = at + 1 if kind in Punctuation and text == ";" and depth == 0 else None
        if kind in Punctuation and text in "([{":
            depth += 1
        elif kind in Punctuation and text in ")]}":
            depth -= 1
        if depth < 0:
            break
    # A text that is not balanced is no complete Rust, or more than this lexer knows: nothing is added to it.
    return found if depth == 0 else []


@dataclass
class Panic:
    """A panic as the standard library reports it, without frames."""

    thread: str
    place: str
    message: str = ""
    in_frames: bool = False

    def text(self) -> str:
        place = "" if self.place.startswith(("src/lib.rs:", "ctx/src/lib.rs:")) else f" at {self.place}"
        return f"thread '{self.thread}' panicked{place}: {self.message}"


class Cell:
    """The output of a running cell: which of evcxr's lines are shown, and whether the cell has failed."""

    def __init__(self, code: str, number: int) -> None:
        self.code = code
        self.number = number
        self.sent, self.first = plant(code, number)
        # Streams whose mark is still to come.
        self.awaited = set() if self.first is None else {"stdout", "stderr"}
        # How the code ended, and the first line of the statement that was the last to start.
        self.end = ""
        self.line = self.first
        # Whether `?` failed or the code panicked, and the message.
        self.failed = False
        self.failure = "(no message)"
        self.blank = {"stdout": False, "stderr": False}
        self.held: list[str] | None = None
        self.panic: Panic | None = None

    def take(self, stream: str, line: str) -> str:
        """The part of evcxr's line that is shown. An empty line before a mark belongs to the mark."""
        blank, self.blank[stream] = self.blank[stream], line == "\n"
        if line.startswith(MARK):
            return self.marked(stream, line[1:].split())
        shown = ("\n" if blank else "") + ("" if line == "\n" else line)
        return self.hold(shown) if stream == "stderr" and shown else shown

    def marked(self, stream: str, words: list[str]) -> str:
        if words == ["failed"]:
            self.failed = True
            if stream == "stderr" and self.held is not None:
                self.failure, self.held = "".join(self.held).strip("\n"), None
            return ""
        if words[0] != str(self.number):
            return ""
        self.end, self.line = words[1], int(words[2])
        self.failed |= self.end == "panicked"
        self.awaited.discard(stream)
        if stream == "stdout":
            return ""
        if self.end == "panicked" and self.panic is not None:
            self.failure, self.panic = self.panic.message.strip("\n"), None
        return self.release()

    def hold(self, text: str) -> str:
        """Holds back a possible message of a failure until the cell's end is known. Frames are never shown."""
        if self.held is None and MESSAGE in text or self.panic is None and PANIC.match(text.strip("\n")):
            return self.begin(text)
        if self.held is not None:
            self.held.append(text)
            return ""
        if self.panic is None:
            return DBG.sub("", text)
        if text == "stack backtrace:\n":
            self.panic.in_frames = True
        elif not self.panic.in_frames:
            self.panic.message += text
        elif not FRAME.match(text):
            return self.release() + text
        return ""

    def begin(self, text: str) -> str:
        shown = self.release()
        if panic := PANIC.match(text.strip("\n")):
            self.panic = Panic(panic["thread"], panic["place"])
            return shown
        before, _, message = text.partition(MESSAGE)
        self.held = [message]
        return shown + before

    def release(self) -> str:
        """Returns what was held back and turned out to be no failure of the cell."""
        text = "".join(self.held or []) + (self.panic.text() if self.panic else "")
        self.held = self.panic = None
        return text

    def rest(self) -> list[tuple[str, str]]:
        """The last output, when evcxr has sent everything."""
        left = [(stream, "\n") for stream, blank in self.blank.items() if blank]
        self.blank = dict.fromkeys(self.blank, False)
        return [*left, ("stderr", self.release())]

    def lines(self) -> tuple[int, int] | None:
        """The lines, counted from 1, of the statement that was running when the code ended."""
        if self.line is None:
            return None
        text = self.code.split("\n")
        following = (int(at) for at in re.findall(r"evcxr_at _evcxr_at (\d+)", self.sent))
        end = next((line for line in following if line > self.line), len(text) + 1)
        last = max((i for i in range(self.line, end) if not NOT_CODE.match(text[i - 1])), default=self.line)
        if self.end == "ended":
            tries = [i for i in range(self.line, last + 1) if has_try(text[i - 1])]
            return (tries[0], tries[-1]) if tries else (self.line, last)
        return self.line, last


def has_try(line: str) -> bool:
    """Whether there is a `?` in the line that is an operator."""
    return any(kind in Operator and "?" in text for _, kind, text in RustLexer().get_tokens_unprocessed(line))
