"""Virtual environments with the Python packages that scripts/requirements locks. Standard library only.

uv installs them: 2 s where pip takes 35 s. pip installs uv, and stays in the environment.
"""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from project import ROOT, VENV, VENV_PYTHON, digest, fail, is_stamped, write_stamp

LOCKS = ROOT / "scripts" / "requirements"
# Returned where a package is not made for this machine. uv's own exit status is the same as for a refused download.
NO_PACKAGE = -2
# Returned where uv itself could not be installed.
NO_INSTALLER = -1

# The user's settings of pip that are kept: where packages come from (uv has flags of the same names), and how to reach
# it (uv has environment variables). Others, such as `user`, `target` or `constraint`, would break this environment.
PLACES = ("index-url", "extra-index-url", "find-links", "trusted-host")
NETWORK = {
    "cert": "SSL_CERT_FILE",
    "client-cert": "SSL_CLIENT_CERT",
    "proxy": "ALL_PROXY",
    "timeout": "UV_HTTP_TIMEOUT",
    "default-timeout": "UV_HTTP_TIMEOUT",
}
# Prefixes of the environment variables of uv that change what is installed.
CHANGES = ("UV_CONSTRAINT", "UV_BUILD_CONSTRAINT", "UV_OVERRIDE", "UV_EXCLUDE", "UV_NO_BINARY")


def install(home: Path, name: str) -> int:
    """Installs a lock into the virtual environment `home`, which is made where it is missing; .venv comes first.

    Returns 0 where all is installed, else `NO_INSTALLER` or uv's exit status.
    """
    if is_installed(home, name):
        return 0
    print(f"setup: installing scripts/requirements/{name}.txt into {home.relative_to(ROOT)}", flush=True)
    make(home)
    if home == VENV and not is_installed(VENV, "uv"):
        if pip("install", "--quiet", "--retries=2", "-r", str(LOCKS / "uv.txt")).returncode:
            return NO_INSTALLER
        mark(VENV, "uv")
    places, network = pip_settings()
    # The hashes decide which file is taken, so any index may offer it.
    command = [*uv(home, name), "--quiet", "--index-strategy=unsafe-best-match", "--system-certs", *places]
    environment = {**uv_environment(), **{NETWORK[option]: value for option, value in network.items()}}
    done = subprocess.run(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)
    sys.stderr.write(done.stderr)
    if done.returncode:
        return NO_PACKAGE if "has no wheels with a matching" in done.stderr else done.returncode
    mark(home, name)
    return 0


def pip(command: str, *words: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Runs pip of .venv with hashes, and with those of the user's settings that are kept."""
    places, network = pip_settings()
    start = [str(VENV_PYTHON), "-m", "pip", "--isolated", command, "--disable-pip-version-check", "--require-hashes"]
    flags = [f"--{option}={value}" for option, value in network.items()]
    environment = {**os.environ, "PIP_CONFIG_FILE": os.devnull}
    return subprocess.run([*start, *places, *flags, *words], cwd=ROOT, env=environment, text=True, **options)


def make(home: Path) -> None:
    """Makes the virtual environment, unless this Python made it before, in this folder."""
    stamp = digest(ROOT, sys.version)
    if (home / "bin" / "python").exists() and is_stamped(home, stamp):
        return
    shutil.rmtree(home, ignore_errors=True)
    made = subprocess.run([sys.executable, "-m", "venv", str(home)], capture_output=True, text=True)
    if made.returncode != 0:
        lines = (made.stderr or made.stdout).strip().splitlines() or [f"exit status {made.returncode}"]
        fail(f"no virtual environment was made ({lines[-1]}); on Debian and Ubuntu: apt install python3-venv")
    write_stamp(home, stamp)


def is_installed(home: Path, name: str) -> bool:
    """Whether this lock was installed as it is now."""
    return (home / "bin" / "python").exists() and is_stamped(home / "locks" / name, lock_stamp(name))


def mark(home: Path, name: str) -> None:
    """Records that a lock need not be installed again."""
    (home / "locks" / name).mkdir(parents=True, exist_ok=True)
    write_stamp(home / "locks" / name, lock_stamp(name))


def lock_stamp(name: str) -> str:
    return digest(LOCKS / f"{name}.txt", ROOT, sys.version)


def matches(home: Path, name: str) -> bool:
    """Whether the installed versions are those of the lock. Asks no network."""
    if not (VENV / "bin" / "uv").exists():
        return False
    command = [*uv(home, name), "--dry-run", "--offline"]
    checked = subprocess.run(command, cwd=ROOT, env=uv_environment(), capture_output=True, text=True)
    return checked.returncode == 0 and "Would make no changes" in checked.stderr


def uv_environment() -> dict[str, str]:
    """The environment without variables that change what uv installs, and with the certificates that pip trusts."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(CHANGES)}
    bundle = os.environ.get("REQUESTS_CA_BUNDLE", "")
    return {"SSL_CERT_FILE": bundle, **kept} if Path(bundle).is_file() else kept


def uv(home: Path, name: str) -> list[str]:
    """The call of uv that installs a lock."""
    command = [str(VENV / "bin" / "uv"), "pip", "install", "--no-config", "--python", str(home / "bin" / "python")]
    return [*command, "--require-hashes", "-r", str(LOCKS / f"{name}.txt")]


def pip_settings() -> tuple[list[str], dict[str, str]]:
    """The user's settings of pip that are kept: flags for the places, and options for the network."""
    command = [str(VENV_PYTHON), "-m", "pip", "config", "list"]
    listed = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True).stdout
    settings: dict[str, str] = {}
    # Later sections override earlier ones.
    for section in ("global", "install", ":env:"):
        for option, value in re.findall(rf"^{section}\.([\w-]+)=(.+)$", listed, re.MULTILINE):
            settings[option] = str(ast.literal_eval(value))
    places = [f"--{option}={place}" for option in PLACES for place in settings.get(option, "").split()]
    if settings.get("no-index", "").lower() in ("1", "true", "yes", "on"):
        places.append("--no-index")
    return places, {option: settings[option] for option in NETWORK if option in settings}
