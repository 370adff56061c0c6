"""What several tests share: the notebook, run whole, and a kernel; and which tests must not run beside each other."""

from __future__ import annotations

from collections.abc import Iterator

import nbformat
import pytest
from nbformat import NotebookNode

import report
from kernels import Kernel, kernel
from project import REPORT, ROOT, is_stamped

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
