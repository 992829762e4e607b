"""Take each check out in turn: the test named for it must turn red.

A file `NAME.patch` here is a small unified diff, taken from the top of the checkout, that
removes one check. Lines above the diff say what is lost and who must notice:

    promise: a share of another set is refused
    test: tests/protocol/test_slip39.py::test_mixed_sets

Several `test:` lines mean that each of them must fail. Every patch gets a copy of the tree
of its own; a test that cannot be collected, or falls over before its body, proves nothing
and does not count as red. Before that, all named tests must pass on the tree as it is.

    python tests/sabotage/run.py [NAME …]
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parent.parent
BUILT = ("escrow/translations/*/LC_MESSAGES/*.mo", "escrow/static/**/*")
TIMEOUT_SECONDS = 900  # for one patch, on a machine that is busy
CORES = len(os.sched_getaffinity(0))

# Of the installed plugins these start fast; the others would cost seconds a patch.
PLUGINS = ("_hypothesis_pytestplugin", "xdist")
PLUGINS_ON_MENTION = {
    "schemathesis": "schemathesis.pytest.plugin",
    "anyio": "anyio.pytest_plugin",
}


@dataclass(frozen=True)
class Patch:
    """One check taken out, and the tests that must notice."""

    path: Path
    promise: str
    tests: tuple[str, ...]
    touches: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.path.stem


@dataclass(frozen=True)
class Verdict:
    name: str
    red: bool
    words: str
    seconds: float = 0.0
    output: str = ""


def read_patch(path: Path) -> Patch:
    """Read one patch; raises ValueError for one without promise, tests or diff."""
    text = path.read_text("utf-8")
    head = re.split(r"(?m)^(?:diff --git|--- )", text, maxsplit=1)[0]
    promises = re.findall(r"(?m)^promise: *(\S.*)$", head)
    tests = re.findall(r"(?m)^test: *(\S+)\s*$", head)
    touches = re.findall(r"(?m)^\+\+\+ b/(\S+)", text)
    if len(promises) != 1 or not tests or not touches:
        raise ValueError(f"{path.name}: wants one `promise:`, `test:` lines and a diff")
    if touched := {test.split("::")[0] for test in tests} & set(touches):
        raise ValueError(f"{path.name}: sabotages the test itself: {', '.join(sorted(touched))}")
    return Patch(path, promises[0].strip(), tuple(tests), tuple(touches))


def read_patches() -> list[Patch]:
    return [read_patch(path) for path in sorted(FOLDER.glob("*.patch"))]


def git(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run git so that the folder's owner and surroundings don't matter."""
    environment = {name: value for name, value in os.environ.items() if name[:4] != "GIT_"}
    environment["GIT_CEILING_DIRECTORIES"] = str(cwd.parent)
    return subprocess.run(
        ["git", "-c", f"safe.directory={cwd}", *arguments],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def applies(patch: Patch, folder: Path, *, check_only: bool) -> str:
    """Apply the patch, or only try; return git's complaint, empty if there is none."""
    only = ["--check"] if check_only else []
    done = git("apply", *only, "--whitespace=nowarn", str(patch.path), cwd=folder)
    return "" if done.returncode == 0 else done.stderr.strip() or "git apply failed"


def tree_files() -> list[str]:
    """List the files of the checkout, new ones too, and what was built from them."""
    listed = git("ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=ROOT)
    if listed.returncode != 0:
        raise SystemExit(f"error: {listed.stderr.strip()}")
    built = [str(path.relative_to(ROOT)) for pattern in BUILT for path in ROOT.glob(pattern)]
    return sorted({*listed.stdout.split("\0"), *built} - {""})


def copy_tree(files: Iterable[str], source: Path, target: Path) -> None:
    for name in files:
        if (source / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source / name, target / name)
    # Node's packages are pinned by the lock file and too many to copy.
    if (packages := ROOT / "node_modules").is_dir():
        (target / packages.name).symlink_to(packages)


def run_tests(
    tests: Sequence[str], folder: Path, *options: str, timeout_seconds: int | None = None
) -> tuple[int, dict[str, str], str]:
    """Run tests in a copy; return pytest's code, each test's outcome, and the output."""
    outcomes_file = folder / ".outcomes"
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTEST_", "COV_")) and name != "CI"
    }
    # Before the paths of the editable install, which lead to the real tree.
    environment["PYTHONPATH"] = os.pathsep.join([str(folder), str(folder / "cli")])
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    environment["SABOTAGE_OUTCOMES"] = str(outcomes_file)
    files = {test.split("::")[0] for test in tests}
    sources = "".join((folder / f).read_text("utf-8") for f in files if (folder / f).is_file())
    plugins = [*PLUGINS, *(v for k, v in PLUGINS_ON_MENTION.items() if k in sources)]
    loaded = [f"-p{plugin}" for plugin in (*plugins, "tests.sabotage.outcomes")]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *loaded, *options, *tests],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout_seconds,
        check=False,
    )
    outcomes = {}
    if outcomes_file.exists():
        for line in outcomes_file.read_text("utf-8").splitlines():
            node, outcome = json.loads(line)
            outcomes[node] = outcome
    return done.returncode, outcomes, done.stdout


def of_test(test: str, outcomes: dict[str, str]) -> list[str]:
    """Pick the outcomes of one named test, all its parameters included."""
    return [o for node, o in outcomes.items() if node == test or node.startswith(f"{test}[")]


def judge(patch: Patch, files: Sequence[str], pristine: Path, workshop: Path) -> Verdict:
    """Apply one patch to a fresh copy and see whether its tests notice."""
    started = time.monotonic()
    folder = workshop / patch.name
    copy_tree(files, pristine, folder)
    try:
        if complaint := applies(patch, folder, check_only=False):
            return Verdict(patch.name, False, "does not apply", output=complaint)
        first = ["-x"] if len(patch.tests) == 1 else []  # one of its parameters is enough
        code, outcomes, output = run_tests(
            patch.tests, folder, *first, timeout_seconds=TIMEOUT_SECONDS
        )
    except subprocess.TimeoutExpired:
        return Verdict(patch.name, False, "no answer in time", TIMEOUT_SECONDS)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    seconds = time.monotonic() - started
    if code != 1:
        words = "SURVIVED" if code == 0 else f"broken: pytest's code is {code}"
        return Verdict(patch.name, False, words, seconds, output)
    for test in patch.tests:
        if "failed" not in of_test(test, outcomes):
            words = f"{'broken in' if 'error' in of_test(test, outcomes) else 'SURVIVED'} {test}"
            return Verdict(patch.name, False, words, seconds, output)
    return Verdict(patch.name, True, "red, as it must be", seconds)


def not_green(patches: Sequence[Patch], pristine: Path) -> set[str]:
    """Run all named tests on the tree as it is; return those that do not pass."""
    tests = list(dict.fromkeys(test for patch in patches for test in patch.tests))
    _, outcomes, output = run_tests(tests, pristine, f"-n{CORES}", "--dist=worksteal")
    bad = {test for test in tests if set(of_test(test, outcomes)) != {"passed"}}
    if bad:
        print(output)
    return bad


def show(verdict: Verdict, promise: str) -> None:
    for line in verdict.output.splitlines()[-25:]:
        print(f"    | {line}")
    print(f"{verdict.name:36} {promise[:80]:80} {verdict.words} ({verdict.seconds:.0f} s)")
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these patches")
    wanted = parser.parse_args().names
    try:
        patches = [p for p in read_patches() if not wanted or p.name in wanted]
    except ValueError as error:
        raise SystemExit(f"error: {error}") from None
    if unknown := set(wanted) - {patch.name for patch in patches}:
        raise SystemExit(f"error: no such patch: {', '.join(sorted(unknown))}")
    files = tree_files()
    failed = 0
    with tempfile.TemporaryDirectory(prefix="escrow-sabotage-") as place:
        workshop = Path(place)
        workshop.chmod(0o755)  # a test's PostgreSQL runs as another user
        pristine = workshop / "pristine"
        copy_tree(files, ROOT, pristine)
        print(f"{len(patches)} patches; first their tests on the tree as it is", flush=True)
        red_already = not_green(patches, pristine) if patches else set()

        def judged(patch: Patch) -> Verdict:
            if bad := red_already & set(patch.tests):
                return Verdict(patch.name, False, f"not green before: {', '.join(sorted(bad))}")
            return judge(patch, files, pristine, workshop)

        with ThreadPoolExecutor(CORES) as pool:
            for patch, verdict in zip(patches, pool.map(judged, patches), strict=True):
                show(verdict, patch.promise)
                failed += not verdict.red
    print(f"\n{len(patches) - failed} passed, {failed} failed")
    return 1 if failed or not patches else 0


if __name__ == "__main__":
    sys.exit(main())
