"""The front between Jupyter and evcxr: cells that fail and cells behind them, interrupts, floods, words for errors."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

import explain
from cell import AT, Cell, plant
from front import MOST_LINES, Output
from kernels import Kernel, kernel
from project import KERNELS, ROOT, try_lock

FOLDER = 'std::env::var("EVCXR_TMPDIR").unwrap()'


@dataclass
class Run:
    """What a client is sent for one cell."""

    reply: dict[str, Any] = field(default_factory=dict)
    published: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def kinds(self) -> list[str]:
        return [kind if kind != "status" else content["execution_state"] for kind, content in self.published]

    def text(self, stream: str) -> str:
        streams = (content for kind, content in self.published if kind == "stream")
        return "".join(content["text"] for content in streams if content["name"] == stream)

    def error(self) -> str:
        errors = [content for kind, content in self.published if kind == "error"]
        return "\n".join(explain.ANSI.sub("", line) for content in errors for line in content["traceback"])


def run_all(session: Kernel, *cells: str, **options: Any) -> list[Run]:
    """Sends all cells at once, as JupyterLab does."""
    ids = [session.client.execute(code, **options) for code in cells]
    return collect(session, ids)


def collect(session: Kernel, ids: list[str]) -> list[Run]:
    runs = {identity: Run() for identity in ids}
    deadline = time.monotonic() + 300
    while not all(run.published and run.kinds()[-1] == "idle" for run in runs.values()):
        assert time.monotonic() < deadline and session.alive()
        message = session.client.get_iopub_msg(timeout=300)
        if run := runs.get(message["parent_header"].get("msg_id", "")):
            run.published.append((message["msg_type"], message["content"]))
    while not all(run.reply for run in runs.values()):
        message = session.client.get_shell_msg(timeout=60)
        # A kernel that starts slowly is asked for its name more than once.
        if run := runs.get(message["parent_header"]["msg_id"]):
            run.reply = message["content"]
    return list(runs.values())


def show(session: Kernel, code: str) -> str:
    (run,) = run_all(session, code)
    assert run.reply["status"] == "ok", run.error()
    results = [content["data"]["text/plain"] for kind, content in run.published if kind == "execute_result"]
    return str(results[-1]) if results else ""


FAILING = {
    "compile error": ("let tested = 1;\nnothing_here", "line 2 │ nothing_here", "There is no variable `nothing_here`"),
    "question mark": (
        'let tested = 1;\nprint!("open ");\nstd::fs::read("/no/such")?;',
        "In line 3 of this cell:\n  std::fs::read",
        "No such file",
    ),
    "panic": (
        'let tested: Vec<u8> = vec![];\n// one\nprint!("open ");\ntested[3]',
        "In line 4 of this cell:\n  tested[3]",
        "index out of bounds",
    ),
}


@pytest.mark.parametrize("kind", FAILING)
def test_cells_behind_one_that_fails_are_aborted(session: Kernel, kind: str) -> None:
    failing, place, words = FAILING[kind]
    kept = show(session, "let kept = vec![1, 2]; kept.len()")
    failed, one, two = run_all(session, failing, "let after = 1;", "2")
    assert failed.reply["status"] == "error" and failed.reply["traceback"]
    assert failed.kinds()[-2:] == ["error", "idle"]
    assert place in failed.error() and words in failed.error()
    for noise in ("lib.rs", "rustc/", "stack backtrace", "\x02", "evcxr"):
        assert noise not in failed.error() + failed.text("stderr") + failed.text("stdout")
    assert failed.text("stdout") == ("" if kind == "compile error" else "open \n")
    for run in (one, two):
        assert run.reply["status"] == "aborted" and run.kinds() == ["busy", "idle"]
    assert show(session, "kept.len()") == kept


def test_cells_go_on_where_the_client_says_so(session: Kernel) -> None:
    failed, one = run_all(session, "nothing_here", "1 + 1", stop_on_error=False)
    assert (failed.reply["status"], one.reply["status"]) == ("error", "ok")


def test_writing_to_stderr_is_no_failure(session: Kernel) -> None:
    code = 'let error = "an error"; let five = dbg!(5);\neprintln!("{}", error); eprintln!("{error}\\n"); five'
    done, after = run_all(session, code, "3")
    assert done.text("stderr") == "5 = 5\nan error\nan error\n\n"
    assert (done.reply["status"], after.reply["status"]) == ("ok", "ok")
    caught = 'std::thread::spawn(|| panic!("caught")).join().unwrap_err();'
    done, after = run_all(session, caught, "3")
    assert done.text("stderr") == "thread '<unnamed>' panicked: caught\n"
    assert (done.reply["status"], after.reply["status"]) == ("ok", "ok")


def test_an_open_line_ends_with_its_cell(session: Kernel) -> None:
    cell, after = run_all(session, 'use std::io::Write;\nprint!("."); std::io::stdout().flush()?;', "println!(); 3")
    assert cell.reply["status"] == "ok" and cell.text("stdout") == ".\n"
    assert after.text("stdout") == "\n"


def test_a_flood_is_cut_and_counted(session: Kernel) -> None:
    (run,) = run_all(session, 'for i in 0..100_000 { println!("line {i}"); }')
    lines = run.text("stdout").splitlines()
    assert len(lines) == MOST_LINES and lines[-1] == f"line {MOST_LINES - 1}"
    assert f"({100_000 - MOST_LINES:,} more lines are not shown" in run.text("stderr")
    assert len(run.published) < 2_000
    assert run.reply["status"] == "ok"


def test_output_arrives_while_the_cell_runs(session: Kernel) -> None:
    wait = 'println!("first"); std::thread::sleep(std::time::Duration::from_secs(2)); println!("second");'
    identity, moments = session.client.execute(wait), {}
    while "second\n" not in moments:
        message = session.client.get_iopub_msg(timeout=300)
        if message["msg_type"] == "stream":
            moments[message["content"]["text"]] = time.monotonic()
    assert moments["second\n"] - moments["first\n"] > 1
    collect(session, [identity])


def interrupt(session: Kernel) -> None:
    client = session.client
    client.control_channel.send(client.session.msg("interrupt_request", {}))
    assert client.get_control_msg(timeout=60)["msg_type"] == "interrupt_reply"


def test_an_interrupt_when_nothing_runs_does_nothing(session: Kernel) -> None:
    show(session, "let before = vec![7];")
    interrupt(session)
    assert show(session, "before[0]") == "7"


@pytest.mark.parametrize("seconds", [0.0, 30.0], ids=["while it is built", "while it runs"])
def test_an_interrupt_says_what_is_lost_and_ends_the_queue(session: Kernel, seconds: float) -> None:
    show(session, "let before = vec![7];")
    sleep = f'println!("begun"); std::thread::sleep(std::time::Duration::from_secs_f64({seconds})); before'
    ids = [session.client.execute(code) for code in (sleep, "1")]
    begun = ("execute_input", ids[0]) if not seconds else ("stream", ids[0])
    message = session.client.get_iopub_msg(timeout=300)
    while (message["msg_type"], message["parent_header"]["msg_id"]) != begun:
        message = session.client.get_iopub_msg(timeout=300)
    interrupt(session)
    cut, behind = collect(session, ids)
    assert cut.error() == explain.INTERRUPTED and behind.reply["status"] == "aborted"
    (missing,) = run_all(session, "before")
    assert "There is no variable `before`" in missing.error()
    assert show(session, "1 + 1") == "2"


def test_the_end_of_the_process_is_said(session: Kernel) -> None:
    ended, behind = run_all(session, "std::process::exit(3)", "1")
    assert "exit status: 3" in ended.error() and behind.reply["status"] == "aborted"
    assert show(session, "1 + 1") == "2"


def test_counts_and_silent_cells(session: Kernel) -> None:
    (one,) = run_all(session, "1")
    (silent,) = run_all(session, "2", silent=True)
    (secret,) = run_all(session, "3", store_history=False)
    (two,) = run_all(session, "4")
    count = one.reply["execution_count"]
    assert (secret.reply["execution_count"], two.reply["execution_count"]) == (count, count + 1)
    assert silent.kinds() == ["busy", "idle"]
    assert two.published[1] == ("execute_input", {"code": "4", "execution_count": count + 1})


def test_input_is_asked_for(session: Kernel) -> None:
    # What the crate evcxr_input does.
    ask = 'println!("EVCXR_INPUT_REQUEST:Your name?"); let mut name = String::new();'
    identity = session.client.execute(f"{ask}\nstd::io::stdin().read_line(&mut name)?; name", allow_stdin=True)
    asked = session.client.get_stdin_msg(timeout=300)
    assert asked["content"]["prompt"] == "Your name?"
    session.client.input("Ada")
    (run,) = collect(session, [identity])
    assert dict(run.published)["execute_result"]["data"]["text/plain"] == '"Ada\\n"'


def test_completion_inspection_and_heartbeat(session: Kernel) -> None:
    client = session.client
    show(session, "let words = vec![String::new()];")
    assert client.kernel_info(reply=True, timeout=60)["content"]["implementation"] == "evcxr_jupyter"
    matches = client.complete("words.is_em", reply=True, timeout=120)["content"]["matches"]
    assert any(match.startswith("is_empty") for match in matches)
    assert client.inspect("words", 3, reply=True, timeout=120)["content"]["status"] == "ok"
    assert client.hb_channel.is_beating()


@pytest.mark.parametrize("victim", ["front", "evcxr"])
def test_neither_process_outlives_the_other(victim: str) -> None:
    with kernel(cwd=str(ROOT)) as session:
        folder = Path(show(session, FOLDER).strip('"')).parent
        assert folder.parent == KERNELS
        front = psutil.Process(session.pid)
        evcxr = next(child for child in front.children() if child.name().startswith("evcxr"))
        processes = [front, *front.children(recursive=True)]
        session.client.execute('println!("begun"); loop {}')
        while session.client.get_iopub_msg(timeout=300)["msg_type"] != "stream":
            pass
        (front if victim == "front" else evcxr).kill()
        _, alive = psutil.wait_procs(processes, timeout=20)
        assert not alive, [process.cmdline() for process in alive]
    deadline = time.monotonic() + 10
    while (lock := try_lock(folder.with_name(f"{folder.name}.lock"))) is None:
        assert time.monotonic() < deadline, "the lock outlived its kernel"
        time.sleep(0.1)
    os.close(lock)


# Without a kernel.


def test_code_is_planted_behind_commands_and_between_statements() -> None:
    code = ':dep x = "1"\n// words\nlet a = "; \n";\nlet f = |x: [u8; 2]| {\n    x;\n}; // end\n\n  f(a)?'
    sent, first = plant(code, 7)
    lines = sent.split("\n")
    assert first == 3 and len(lines) == len(code.split("\n")) + 1
    assert lines[:2] == code.split("\n")[:2] and lines[2].endswith("println!(evcxr_cell 7 _evcxr_at 3);")
    assert lines[4] == '"; println!(evcxr_at _evcxr_at 5);'
    assert lines[6] == "    x;" and lines[7] == "}; println!(evcxr_at _evcxr_at 9); // end"
    assert AT.sub("", "\n".join(lines[:2] + lines[3:])) == code


@pytest.mark.parametrize("code", ["", ":vars", "// words", "!ls\n:dep a = 1\n"])
def test_nothing_is_planted_where_there_is_no_code(code: str) -> None:
    assert plant(code, 1) == (code, None)


def test_statements_of_text_that_is_no_rust_are_left_alone() -> None:
    assert plant("let a = (1;\nlet b = 2);\n]", 1)[0].count("evcxr_at _evcxr_at") == 0


def test_a_message_is_held_until_it_is_known_whether_the_cell_failed() -> None:
    failed = Cell("x()?;", 4)
    assert [failed.take("stderr", line) for line in ("warning\n", "a\x03one\n", "two\n", "\x02failed\n")] == [
        "warning\n", "a", "", "",
    ]  # fmt: skip
    assert failed.failed and failed.failure == "one\ntwo" and failed.awaited
    assert failed.take("stderr", "\n") + failed.take("stderr", "\x024 ended 1\n") == ""
    assert failed.take("stdout", "\x024 ended 1\n") == "" and not failed.awaited
    fine = Cell("x();", 5)
    assert fine.take("stderr", "\x03one\n") + fine.take("stderr", "two\n") == ""
    assert fine.take("stderr", "\x025 ended 1\n") == "one\ntwo\n" and not fine.failed


FRAMES = """
thread '<unnamed>' (9600) panicked at src/lib.rs:132:2:
index out of bounds:
the len is 0
stack backtrace:
   0: __rustc::rust_begin_unwind
             at /rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/std/src/panicking.rs:689:5
   3: <unknown>
note: Some details are omitted, run with `RUST_BACKTRACE=full` for a verbose backtrace.
"""


def test_frames_of_a_panic_are_never_shown() -> None:
    cell, other = Cell("x();", 4), Cell("x();", 5)
    lines = FRAMES.splitlines(keepends=True)
    assert "".join(cell.take("stderr", line) for line in [*lines, "\n", "\x024 panicked 1\n"]) == ""
    assert cell.failure == "index out of bounds:\nthe len is 0"
    shown = "".join(other.take("stderr", line) for line in [*lines, "more\n", "\x025 ended 1\n"])
    assert shown == "thread '<unnamed>' panicked: index out of bounds:\nthe len is 0\nmore\n"
    assert cell.failed and not other.failed


def test_a_panic_without_a_message_is_a_failure() -> None:
    cell = Cell("x();", 4)
    cell.take("stdout", "\x024 panicked 1\n")
    assert explain.at_run_time(cell).evalue == "(no message)" and cell.failed


def test_a_mark_of_another_cell_ends_nothing() -> None:
    cell = Cell("x();", 5)
    cell.take("stdout", "\x024 ended 1\n")
    assert cell.awaited == {"stdout", "stderr"}


def test_output_is_batched_by_stream() -> None:
    output = Output()
    for stream, text in (("stdout", "a\n"), ("stdout", "b\n"), ("stderr", "c\n"), ("stdout", "d\n")):
        output.add(stream, text)
    assert output.take() == [("stdout", "a\nb\n"), ("stderr", "c\n"), ("stdout", "d\n")]
    assert output.take() == [] and output.due is None


def report(header: str, *rows: str) -> dict[str, object]:
    """An error as evcxr sends it; `rows` are its drawing."""
    colour = "\x1b[38;5;246m"
    drawn = [f"   {colour}╭─\x1b[0m[ command_104:1:1 ]", "   │", *rows, f"{colour}───╯\x1b[0m"]
    return {"ename": "Error", "evalue": header.partition("Error: ")[2], "traceback": [f"\x1b[31m{header}", *drawn]}


RECORDED = [
    ("[E0382] Error: use of moved value: `split`", "`split` has been moved"),
    ("[E0382] Error: borrow of moved value: `s`", "Pass `&s` there, or `s.clone()`"),
    ("[E0425] Error: cannot find value `split` in this scope", "There is no variable `split`"),
    ("[E0433] Error: cannot find type `Swep` in this scope", "`Swep` is not known here"),
    ("[E0308] Error: mismatched types", "put `?` behind the call"),
    ("[E0308] Error: `?` operator has incompatible types", "A value of another type"),
    ("[E0369] Error: cannot add `{integer}` to `Result<i32, ParseIntError>`", "put `?` behind the call"),
    ("[E0599] Error: no method named `split` found for enum `Result<T, E>` in the current scope", "put `?` between"),
    (
        "[E0599] Error: no method named `max_deph` found for struct `helper::Sweep` in the current scope",
        "`helper::Sweep` has no `max_deph`",
    ),
    (
        "[E0277] Error: the trait bound `{float}: helper::sweep::Values<Option<usize>>` is not satisfied",
        "A value like 0.5 does not fit here",
    ),
    (
        "[E0277] Error: `{integer}` is no value for this hyperparameter",
        "A value like 1 does not fit here. Write a whole",
    ),
    ("[E0596] Error: cannot borrow `v` as mutable, as it is not declared as mutable", "`let mut v = v;`"),
    (
        "Error: The variable `x` contains a reference with a non-static lifetime so\ncan't be persisted.",
        "`x` borrows from another variable",
    ),
]


@pytest.mark.parametrize(("header", "words"), RECORDED)
def test_frequent_errors_have_a_plain_sentence(header: str, words: str) -> None:
    cell = Cell("let y = 1;\nlet x = &split;", 1)
    (failure,) = explain.refused([report(header, " 3 │ let x = &split;", "   │         ┬")], cell)
    text = [explain.ANSI.sub("", line) for line in failure.traceback]
    assert words in text[0] and failure.evalue in "\n".join(text)
    assert text[-2:] == ["  line 2 │ let x = &split;", "         │         ┬"]
    assert "command_104" not in "\n".join(text)


@pytest.mark.parametrize("label", ["expected integer, found `Option<_>`", "expected `Option<_>`, found integer"])
def test_a_list_of_numbers_and_none_has_a_sentence_of_its_own(label: str) -> None:
    code = "sweep.max_depth([3, None])"
    rows = f" 1 │ {code}", "   │                     ──┬─", f"   │                       ╰─── {label}"
    (failure,) = explain.refused([report("[E0308] Error: mismatched types", *rows)], Cell(code, 1))
    assert "write [Some(3), None]" in failure.traceback[0]


def test_what_the_front_planted_is_not_shown() -> None:
    cell = Cell("let y = 1;\nlet x = &split;", 1)
    row = " 2 │ let y = 1; println!(evcxr_at _evcxr_at 2);"
    (failure,) = explain.refused([report("Error: odd", row)], cell)
    assert failure.traceback[-1] == "  line 1 │ let y = 1;"


def test_warnings_are_left_out_beside_errors() -> None:
    warning, error = report("[unused_variables] Error: unused variable: `y`"), report("[E0308] Error: mismatched types")
    cell = Cell("let y = 1;", 1)
    assert [failure.ename for failure in explain.refused([warning, error], cell)] == ["E0308"]
    assert [failure.ename for failure in explain.refused([warning], cell)] == ["unused_variables"]


def test_code_beyond_ascii_has_line_numbers_too() -> None:
    cell = Cell('let y = 1;\nprintln!("ä {}", nothing);', 1)
    message = "cannot find value `nothing` in this scope"
    drawn = ['println!("ä {}", nothing);', "\x1b[91m                 ^^^^^^^\x1b[0m not found in this scope", message]
    (failure,) = explain.refused([{"evalue": message, "traceback": drawn}], cell)
    assert failure.traceback[-2:] == [
        '  line 2 │ println!("ä {}", nothing);',
        "         │                  ^^^^^^^ not found in this scope",
    ]


def test_the_lines_of_a_statement_that_failed() -> None:
    cell = Cell("let a = f()?;\n\nlet b = a\n    .g()?\n    .h(1)?;\n// end\nlet c = 3;\nc", 1)
    cell.end, cell.line = "ended", 3
    assert cell.lines() == (4, 5)
    cell.end = "panicked"
    assert cell.lines() == (3, 5)
    cell.line = 8
    assert cell.lines() == (8, 8)
