"""Sends the sweep to a Ray cluster as a job, through its dashboard's port, and prints the job's log.

A folder goes there: the sweep as a program, the driver, the worker library, and the table. The program runs on the
head's machine, with that machine's Python and Ray; the machine must be of this one's kind, with a C library as new.
"""

from __future__ import annotations

import argparse
import logging
import shlex
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from examples import example
from project import ROOT, TABLE_VARIABLE, TOOLS, fail, run, table_places

WORKER = ROOT / "helper" / "ray-worker"
# Seconds between two looks at the job.
PAUSE = 0.5
# Ray unpacks files without their permissions.
ENTRY = (
    'chmod +x sweep && RAY_LAB_PYTHON="$(command -v {python})" RAY_LAB_DRIVER="$PWD/driver" '
    'RAY_LAB_WORKERS="$PWD/workers" {table}="$PWD/table" '
    "exec ./sweep auto --trees {first} {last} --step {step} --show"
)


def pack(folder: Path) -> None:
    """Fills the folder that goes to the head."""
    table = next((place for place in table_places() if place.is_file()), None)
    if table is None:
        fail("the table is nowhere; ./scripts/fetch-data downloads it")
    libraries = TOOLS / "ray-worker"
    built = [path for path in (libraries / "release").glob("libray_worker.*") if path.suffix in (".so", ".dylib")]
    if not built:
        fail("the library for Ray's workers is not there; ./scripts/setup says why")
    try:
        # In this profile it trains as fast as in a release build.
        sweep = example("ray")
    except subprocess.CalledProcessError:
        fail("the program could not be built (see above)")
    shutil.copy2(sweep, folder / "sweep")
    shutil.copytree(WORKER, folder / "driver", ignore=shutil.ignore_patterns("src", "Cargo.toml", "__pycache__"))
    shutil.copy2(table, folder / "table")
    (folder / "workers" / "release").mkdir(parents=True)
    for library in built:
        shutil.copy2(library, folder / "workers" / "release")
    for other in [*libraries.glob("*-linux"), *libraries.glob("*-macos")]:
        shutil.copytree(other, folder / "workers" / other.name)


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/ray-job", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("address", help="where the cluster's dashboard is, such as http://HOST:8265")
    parser.add_argument("--trees", nargs=2, type=int, default=[50, 340], metavar=("FIRST", "LAST"), help="n_estimators")
    parser.add_argument("--step", type=int, default=10, help="from one n_estimators to the next")
    parser.add_argument("--python", default="python3", help="the head's Python that has Ray, if not that on its PATH")
    options = parser.parse_args()
    if not options.address.startswith(("http://", "https://")):
        fail(f'the address is "{options.address}", but must be the dashboard\'s, such as http://HOST:8265')
    try:
        from ray.exceptions import RayError
        from ray.job_submission import JobStatus, JobSubmissionClient
    except ImportError as error:
        fail(f"Ray is not installed ({error}); run ./scripts/setup, which says why")
    # Ray would log each file that it sends.
    logging.disable(logging.WARNING)
    try:
        client = JobSubmissionClient(options.address)
    except ConnectionError as error:
        fail(
            f"no Ray dashboard answers at {options.address} ({error}); its port is not the one that nodes join, and it "
            "answers other machines where the head was started with --dashboard-host=0.0.0.0"
        )
    except (RuntimeError, RayError) as error:
        said = (str(error).splitlines() or ["without a message"])[0]
        fail(
            f"the Ray dashboard at {options.address} did not let the job in ({said}); where it wants a token, set "
            "RAY_AUTH_MODE=token and RAY_AUTH_TOKEN_PATH (or RAY_AUTH_TOKEN) to the cluster's"
        )
    with tempfile.TemporaryDirectory() as made:
        pack(Path(made))
        first, last = options.trees
        python = shlex.quote(options.python)
        entry = ENTRY.format(python=python, table=TABLE_VARIABLE, first=first, last=last, step=options.step)
        job = client.submit_job(entrypoint=entry, runtime_env={"working_dir": made})
        print(f"{job} runs at {options.address}", flush=True)
        shown = 0
        while True:
            # First the state, then the log: so the log of a job that has ended is whole.
            status = client.get_job_status(job)
            log = client.get_job_logs(job)
            print(log[shown:], end="", flush=True)
            shown = len(log)
            if status.is_terminal():
                break
            time.sleep(PAUSE)
    if status != JobStatus.SUCCEEDED:
        ended = (client.get_job_info(job).message or "").splitlines()
        fail(f"the job ended as {status} ({ended[0] if ended else 'without a message'}); its log is above")


if __name__ == "__main__":
    run(main, "the job may go on; `ray job stop` ends it")
