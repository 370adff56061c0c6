"""What several tests share: the notebook, run whole once."""

from __future__ import annotations

import pytest
from nbformat import NotebookNode

import report


@pytest.fixture(scope="session")
def lab() -> NotebookNode:
    """The notebook, executed from a clean state in a fresh kernel."""
    return report.execute(report.read())
