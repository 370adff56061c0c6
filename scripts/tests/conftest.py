"""What several tests share: the notebook, run whole."""

from __future__ import annotations

import pytest
from nbformat import NotebookNode

import report


@pytest.fixture(scope="session")
def lab() -> NotebookNode:
    """The notebook with the outputs of a run: of the last report if nothing has changed since, else of one made now."""
    if (notebook := report.finished()) is not None:
        return notebook
    report.main([])
    notebook = report.finished()
    assert notebook is not None, "the report ended without an error, so it is finished"
    return notebook
