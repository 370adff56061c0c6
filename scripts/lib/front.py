"""Stands between Jupyter and evcxr_jupyter, so that the kernel follows Jupyter's protocol.

Messages pass unchanged, except those of cells. One cell runs at a time. Its output is sent in batches, and cut if it is
too long. If it fails, its reply says so, the reader gets an explanation (`explain.py`), and waiting cells are aborted.
An interrupt reaches evcxr only while a cell runs.
"""

from __future__ import annotations

import time
from collections import deque
from typing import Any

import zmq
from jupyter_client.session import Session

import explain
from cell import Cell
from connection import CHANNELS, address

# Seconds between two batches of output.
BATCH = 0.05
# Limits of a cell's output. What exceeds them is counted, and left out.
MOST_LINES, MOST_BYTES = 5_000, 500_000
# Seconds to wait after evcxr's reply for the end marks of the output, which a cell that closes a stream loses.
GRACE = 2.0
# A line of output as evcxr sends it, without its text.
EMPTY_LINE = b'{"name":"stdout","text":"\\n"}'


class Output:
    """The output of a cell, in batches."""

    def __init__(self) -> None:
        self.waiting: list[tuple[str, str]] = []
        self.due: float | None = None
        self.lines = self.bytes = self.lost = 0

    def add(self, stream: str, text: str) -> None:
        lines = text.count("\n")
        if not text:
            pass
        elif self.lost or self.lines >= MOST_LINES or self.bytes + len(text) > MOST_BYTES:
            self.lost += max(lines, 1)
        else:
            self.lines, self.bytes = self.lines + lines, self.bytes + len(text)
            if self.waiting and self.waiting[-1][0] == stream:
                text = self.waiting.pop()[1] + text
            self.waiting.append((stream, text))
            self.due = self.due or time.monotonic() + BATCH

    def take(self) -> list[tuple[str, str]]:
        """Returns the collected output, and starts a new batch."""
        batch, self.waiting, self.due = self.waiting, [], None
        return batch


class Run:
    """A cell that runs: its request, and what evcxr has sent of it so far."""

    def __init__(self, idents: list[bytes], message: dict[str, Any], number: int) -> None:
        self.idents = idents
        self.message = message
        self.content = message["content"]
        self.silent = bool(self.content.get("silent", False))
        self.cell = Cell(self.content["code"], number)
        self.output = Output()
        self.errors: list[dict[str, Any]] = []
        self.reply: dict[str, Any] | None = None
        self.replied = 0.0
        self.idle = self.interrupted = self.noticed = False

    def is_done(self) -> bool:
        """Whether evcxr has sent the reply and all output."""
        if self.reply is None or not self.idle:
            return False
        late = time.monotonic() > self.replied + GRACE
        return self.reply["status"] != "ok" or not self.cell.awaited or late

    def status(self) -> str | None:
        """How the process of the variables ended, if it did."""
        messages = (str(error["evalue"]) for error in self.errors)
        return next((message for message in messages if "Subprocess terminated" in message), None)

    def failures(self) -> list[explain.Failure]:
        if self.interrupted:
            return [explain.interrupted()]
        if self.reply is not None and self.reply["status"] != "ok":
            if status := self.status():
                return [explain.ended(status.partition("with status: ")[2] or status)]
            return explain.refused(self.errors, self.cell)
        return [explain.at_run_time(self.cell)] if self.cell.failed else []


def is_plain_line(frames: list[bytes]) -> bool:
    """Whether evcxr's message is a line of output that has text and no mark: JSON escapes the characters of marks."""
    return b'"msg_type":"stream"' in frames[2] and len(frames[5]) > len(EMPTY_LINE) and b"\\u" not in frames[5]


class Front:
    """The sockets to Jupyter and to evcxr, and the cells that run and wait."""

    def __init__(self, outer: dict[str, Any], inner: dict[str, Any]) -> None:
        self.session = Session(key=outer["key"].encode(), signature_scheme=outer["signature_scheme"])
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context.instance()
        kinds = {"iopub": zmq.PUB, "hb": zmq.REP}
        self.outer = {name: context.socket(kinds.get(name, zmq.ROUTER)) for name in CHANNELS}
        self.inner = {name: context.socket(zmq.SUB if name == "iopub" else zmq.DEALER) for name in CHANNELS[:4]}
        self.inner["iopub"].subscribe(b"")
        for name, sock in self.outer.items():
            sock.linger = 1000
            sock.bind(address(outer, name))
        for name, sock in self.inner.items():
            sock.linger = 0
            # No line may be lost on the way, however many there are.
            sock.set_hwm(0)
            if name != "iopub":
                # evcxr asks for input on one channel with the identity of another.
                sock.identity = b"front"
            sock.reconnect_ivl = 20
            sock.connect(address(inner, name))
        self.queue: deque[tuple[list[bytes], dict[str, Any]]] = deque()
        self.run: Run | None = None
        self.count = self.number = 0

    def serve(self, ended: int) -> None:
        """Passes messages until evcxr's process has ended, which makes `ended` readable."""
        poller = zmq.Poller()
        sockets = [*self.outer.values(), *self.inner.values()]
        for sock in sockets:
            if sock.socket_type != zmq.PUB:
                poller.register(sock, zmq.POLLIN)
        poller.register(ended, zmq.POLLIN)
        while True:
            ready = dict(poller.poll(self.patience()))
            for name in CHANNELS[:4]:
                if self.inner[name] in ready:
                    self.from_evcxr(name)
            if ended in ready:
                # A last reply may still be on its way.
                if self.inner["control"].poll(100):
                    self.from_evcxr("control")
                return
            for name in ("hb", "control", "stdin", "shell"):
                if self.outer[name] in ready:
                    self.from_client(name)
            self.step()

    def patience(self) -> int | None:
        """Milliseconds until something is due."""
        if self.run is None:
            return None
        late = self.run.replied + GRACE if self.run.idle and self.run.reply else None
        due = [moment for moment in (self.run.output.due, late) if moment is not None]
        return max(0, int((min(due) - time.monotonic()) * 1000) + 1) if due else None

    def from_client(self, name: str) -> None:
        frames = self.outer[name].recv_multipart()
        if name == "hb":
            self.outer["hb"].send_multipart(frames)
            return
        idents, parts = self.session.feed_identities(frames)
        message = self.session.deserialize(parts)
        kind = message["header"]["msg_type"]
        if kind == "execute_request":
            self.queue.append((idents, message))
        elif kind == "interrupt_request" and self.run is None:
            self.session.send(self.outer[name], "interrupt_reply", {"status": "ok"}, parent=message, ident=idents)
        else:
            if kind == "interrupt_request" and self.run is not None:
                self.run.interrupted = True
            self.inner[name].send_multipart(frames)

    def from_evcxr(self, name: str) -> None:
        """Passes on all messages that have arrived."""
        while True:
            try:
                frames = self.inner[name].recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            run = self.run
            if run and run.output.lost and is_plain_line(frames):
                # A flood is counted unread.
                run.output.lost += 1
                continue
            idents, parts = self.session.feed_identities(frames)
            message = self.session.deserialize(parts)
            if run is None or message["parent_header"].get("msg_id") != run.message["header"]["msg_id"]:
                self.outer[name].send_multipart(frames)
            elif name == "shell":
                run.reply, run.replied = message["content"], time.monotonic()
            elif name == "iopub":
                self.of_cell(run, message)
            else:
                self.outer[name].send_multipart(frames)

    def of_cell(self, run: Run, message: dict[str, Any]) -> None:
        """Handles what evcxr publishes about the running cell."""
        kind, content = message["header"]["msg_type"], message["content"]
        if kind == "stream":
            run.output.add(content["name"], run.cell.take(content["name"], content["text"]))
        elif kind == "error":
            run.errors.append(content)
        elif kind == "status":
            run.idle = content["execution_state"] == "idle"
        elif kind == "execute_result" and not run.silent:
            self.send_output(run)
            self.publish(run, kind, {**content, "execution_count": self.count})

    def step(self) -> None:
        """Sends what is due, ends the cell that is done, and begins the next."""
        if self.run is not None and self.run.output.due is not None and time.monotonic() >= self.run.output.due:
            self.send_output(self.run)
        if self.run is not None and self.run.is_done():
            if self.run.interrupted and not self.run.status() and not self.run.noticed:
                # evcxr was building, or just done, and has yet to notice that its process is gone.
                self.run.noticed, self.run.reply, self.run.idle = True, None, False
                self.send_code(self.run, "();")
            else:
                self.finish(self.run)
        while self.run is None and self.queue:
            self.begin(*self.queue.popleft())

    def begin(self, idents: list[bytes], message: dict[str, Any]) -> None:
        self.number += 1
        run = self.run = Run(idents, message, self.number)
        if not run.silent and run.content.get("store_history", True):
            self.count += 1
        self.publish(run, "status", {"execution_state": "busy"})
        if not run.silent:
            self.publish(run, "execute_input", {"code": run.cell.code, "execution_count": self.count})
        self.send_code(run, run.cell.sent)

    def send_code(self, run: Run, code: str) -> None:
        message = {**run.message, "content": {**run.content, "code": code}}
        self.session.send(self.inner["shell"], message, ident=run.idents)

    def finish(self, run: Run) -> None:
        for stream, text in run.cell.rest():
            run.output.add(stream, text)
        self.send_output(run)
        if lost := run.output.lost:
            cut = (
                f"({lost:,} more lines are not shown: a cell shows {MOST_LINES:,} lines, {MOST_BYTES:,} bytes at most.)"
            )
            self.publish(run, "stream", {"name": "stderr", "text": f"{cut}\n"})
        failures, content = run.failures(), {**(run.reply or {}), "execution_count": self.count}
        aborts = bool(failures) and run.content.get("stop_on_error", True)
        # Cells that were sent before the client could know of the failure are aborted with the queue.
        while aborts and self.outer["shell"].poll(0):
            self.from_client("shell")
        for failure in failures:
            self.publish(run, "error", failure.content())
            content |= {**failure.content(), "status": "error"}
        self.reply(run.idents, run.message, content)
        self.publish(run, "status", {"execution_state": "idle"})
        self.run = None
        if aborts:
            self.abort()

    def abort(self) -> None:
        """Answers the waiting cells, which do not run."""
        for idents, message in self.queue:
            self.session.send(self.outer["iopub"], "status", {"execution_state": "busy"}, parent=message)
            self.reply(idents, message, {"status": "aborted"})
            self.session.send(self.outer["iopub"], "status", {"execution_state": "idle"}, parent=message)
        self.queue.clear()

    def reply(self, idents: list[bytes], message: dict[str, Any], content: dict[str, Any]) -> None:
        self.session.send(self.outer["shell"], "execute_reply", content, parent=message, ident=idents)

    def publish(self, run: Run, kind: str, content: dict[str, Any]) -> None:
        self.session.send(self.outer["iopub"], kind, content, parent=run.message)

    def send_output(self, run: Run) -> None:
        for stream, text in run.output.take():
            self.publish(run, "stream", {"name": stream, "text": text})
