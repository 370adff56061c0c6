# shellcheck shell=bash
# Sourced by scripts that run before there is an environment of the project's own.

# Prints the first Python that is new enough: $PYTHON, else the one that made .venv (with another, all would be
# installed anew), else python3 and its versions by name.
find_python() { # NAME: who asks, for the message
    local python found="" made
    made=$("$(dirname "${BASH_SOURCE[0]}")/../../.venv/bin/python" -c 'import sys; print(sys._base_executable)' \
        2>/dev/null) || made=""
    for python in "${PYTHON:-}" "$made" python3 python3.14 python3.13 python3.12 python3.11 python3.10 python; do
        [ -n "$python" ] || continue
        if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
            printf '%s\n' "$python"
            return
        fi
        [ -n "$found" ] || found=$("$python" --version 2>&1 | head -n 1) || found=""
    done
    case "$found" in Python*) found=" (there is $found)" ;; *) found="" ;; esac
    echo "$1: no Python 3.10 or newer was found$found; install one (https://www.python.org/downloads/, or your" \
        "system's packages) or name it: PYTHON=/path/to/python3 scripts/$1" >&2
    return 1
}
