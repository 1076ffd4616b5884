"""Copies of the example `node-shop` with its npm packages, for tests that run it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

NODE_SHOP = Path(__file__).resolve().parents[2] / "examples" / "node-shop"
FAULTS = NODE_SHOP.with_name("node-shop-faults.toml")
SERVICES = ("gateway", "orders", "payments", "warehouse", "notifications")
NODE_MAJOR = 20
_INSTALL_BOUND_S = 300


def require_node() -> None:
    """Skip where there is no Node.js; fail where there is one that is too old, or no npm."""
    if shutil.which("node") is None:
        pytest.skip("Node.js is missing: the JavaScript example cannot run")
    done = subprocess.run(["node", "--version"], capture_output=True, text=True, timeout=30, check=True)
    found = re.match(r"v(\d+)\.", done.stdout)
    assert found is not None, f"node --version says {done.stdout!r}"
    assert int(found.group(1)) >= NODE_MAJOR, f"the example needs Node.js {NODE_MAJOR}, this is {done.stdout}"
    assert shutil.which("npm") is not None, "npm is missing beside Node.js"


def install(folder: Path) -> Path:
    """A copy in `folder` with the packages of its lock file; once a session is enough, `copy` takes it from there."""
    shutil.copytree(NODE_SHOP, folder, ignore=shutil.ignore_patterns("node_modules", ".run"))
    command = ["npm", "ci", "--prefer-offline", "--no-progress"]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=_INSTALL_BOUND_S, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def copy(installed: Path, folder: Path) -> Path:
    """Another copy; its packages are hard links, for nobody changes them.

    The links between workspaces are relative and lead into the copy.
    """
    shutil.copytree(installed, folder, symlinks=True, copy_function=_copy_file)
    return folder


def _copy_file(source: str, target: str) -> None:
    if f"{os.sep}node_modules{os.sep}" in source:
        os.link(source, target)
    else:
        shutil.copy2(source, target)
