"""Speaks the driver's protocol without Ray. A test appends what the driver does."""

import json
import os
import signal
import sys
import time


def hear():
    """The next command with its bytes, also written to a file; None at the end."""
    line = sys.stdin.buffer.readline()
    if not line:
        return None
    with open(os.path.join(os.path.dirname(__file__), "heard"), "ab") as file:
        file.write(line)
    command = json.loads(line)
    command["payload"] = sys.stdin.buffer.read(command.get("bytes", 0))
    return command


def commands():
    while command := hear():
        yield command


def tell(event, payload=None, **more):
    if payload is not None:
        more["bytes"] = len(payload)
    sys.stdout.buffer.write(json.dumps({"event": event, **more}).encode() + b"\n" + (payload or b""))
    sys.stdout.buffer.flush()


def ready():
    hear()
    nodes = [{"id": "n", "ip": "10.0.0.1", "name": "host", "cpus": 2}]
    tell("ready", address="host:1", nodes=nodes, ray="2.60.0", dashboard=None, token=None, seconds=0.5)


def end(command, status="finished", payload=b""):
    ran = {"node": "n", "pid": 7, "ago": 0.02, "seconds": 0.01, "cpu": 0.005}
    tell("task", payload, task=command["task"], status=status, ran=ran)


def lost(tasks, what="host B is gone", cpus=1):
    tell("lost", tasks=[command["task"] for command in tasks], what=what, cpus=cpus)


def stored(command):
    tell("put", object=command["object"], seconds=0.25)


