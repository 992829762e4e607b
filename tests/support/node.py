"""Node for tests: the pinned packages, a program to its end, a program that is asked things."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT_SECONDS = 300


@lru_cache(maxsize=1)
def building() -> ModuleType:
    """Return escrow/browser/build.py, with the packages of tests installed."""
    path = ROOT / "escrow" / "browser" / "build.py"
    spec = importlib.util.spec_from_file_location("escrow_browser_build", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.install_packages(ROOT)
    return module


def build_browser(root: Path) -> bool:
    """Make everything that browsers are served, as an installation does; tells whether it did."""
    path = ROOT / "hatch_build.py"
    spec = importlib.util.spec_from_file_location("escrow_hatch_build", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return bool(module.build_browser(root, building()))


def node(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run Node to its end; output and complaints are both in `stdout`."""
    program, _ = building().node_programs()
    return subprocess.run(
        [program, *arguments],
        cwd=cwd,
        env=building().environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )


class Refusal(Exception):
    """What the browser's code refused, by its `code`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Asked:
    """A Node process that answers a JSON line with a JSON line."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, operation: str, /, **given: Any) -> dict[str, Any]:
        """Run one operation of tests/browser/protocol; raises Refusal with the error's code."""
        question = {"operation": operation, "input": _plain(given)}
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline() or '{"fell_over": "it has ended"}')
        assert "fell_over" not in answer, answer["fell_over"]
        if "error" in answer:
            raise Refusal(answer["error"])
        output: dict[str, Any] = answer["output"]
        return output


def _plain(value: Any) -> Any:
    """Write bytes as the vector files do."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


@contextmanager
def asked(script: str, *arguments: str) -> Iterator[Asked]:
    """Start a Node program that answers questions; end it afterwards."""
    program, _ = building().node_programs()
    process = subprocess.Popen(
        [program, script, *arguments],
        cwd=ROOT,
        env=building().environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    patience = threading.Timer(TIMEOUT_SECONDS, process.kill)
    patience.start()
    try:
        yield Asked(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(30)
        patience.cancel()
