"""What several tests share: the notebook, run whole, and a kernel."""

from __future__ import annotations

from collections.abc import Iterator

import nbformat
import pytest
from nbformat import NotebookNode

import report
from kernels import Kernel, kernel
from project import REPORT, ROOT, is_stamped


@pytest.fixture(scope="session")
def lab() -> NotebookNode:
    """The notebook with the outputs of a run: of the last report if nothing has changed since, else of one made now."""
    stamp = report.fingerprint(report.read())
    if not is_stamped(REPORT, stamp):
        report.main([])
        assert is_stamped(REPORT, stamp), "the report ended without an error, so it is finished"
    return nbformat.read(REPORT / "Ray.ipynb", as_version=4)


@pytest.fixture(scope="session")
def session() -> Iterator[Kernel]:
    """One kernel for all tests that do not end it."""
    with kernel(cwd=str(ROOT)) as started:
        yield started
