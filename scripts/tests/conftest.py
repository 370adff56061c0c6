"""What several tests share: the notebook, run whole; and which tests must not run beside each other."""

from __future__ import annotations

import pytest
from nbformat import NotebookNode

import report

# With `pytest -n 2 --dist loadgroup` the tests of one group run one after another, groups beside each other. Tests of
# Ray look for what a cluster left behind, those of kernels for folders that another kernel left free: one group each.
GROUPS = {"test_ray_cluster": "ray", "test_ray_failures": "ray", "test_ray_hosts": "ray"}
ALONE = ("test_fetch", "test_folders", "test_packages", "test_setup")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        module = item.path.stem
        group = module if module in ALONE else GROUPS.get(module, "kernels")
        item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture(scope="session")
def lab() -> NotebookNode:
    """The notebook with the outputs of a run: of the last report if nothing has changed since, else of one made now."""
    if (notebook := report.finished()) is not None:
        return notebook
    report.main([])
    notebook = report.finished()
    assert notebook is not None, "the report ended without an error, so it is finished"
    return notebook
