"""Change the code in small ways, one at a time, and run the tests on each: do they notice?

    python tests/mutants/run.py [--survivors] [--tests FILE …] [PACKAGE | PACKAGE.MODULE …]

Prints what survived and the score of each module; tests/mutants.md says why the rest stays. The
mutants are mutmut's, made in a copy of the tree under `mutants/`, where the verdicts are kept too.
With `--survivors` only what was not caught last time is tried again, with `--tests` on these files
alone: where many tests call a function, those that are about it may not be among the shortest.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from mutmut.mutation.file_mutation import mutate_file_contents
from mutmut.utils.format_utils import mangled_name_from_mutant_name

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT))

from escrow import errors  # noqa: E402  # these need the line above
from escrow.protocol import errors as protocol_errors  # noqa: E402
from tests.sabotage.run import copy_tree, tree_files  # noqa: E402

WORKSHOP = ROOT / "mutants"
GOOD_ENOUGH = 0.90
ERRORS = {name for module in (errors, protocol_errors) for name in vars(module)}
CAUGHT = {"caught", "endless", "crashed"}

# Annotations stay text: mutmut's copies of a method `request` would hide the module `request` from
# those below it.
FIRST_LINE = "from __future__ import annotations\n"


@dataclass(frozen=True)
class Package:
    """What is mutated, and the tests that must notice: in one process, where they see it."""

    name: str
    tests: tuple[str, ...]

    def with_tests(self, files: Sequence[str] | None) -> Package:
        """Return it with these files alone, or as it is for none: what they catch, it catches."""
        if not files:
            return self
        options = (each for each in self.tests if not each.startswith("tests/"))
        return replace(self, tests=(*files, *options))

    @property
    def folder(self) -> Path:
        return WORKSHOP / self.name

    @property
    def verdicts_file(self) -> Path:
        return WORKSHOP / f"{self.name}.jsonl"


PACKAGES = (
    # Without what only starts the generator of the vectors, in another process.
    Package("protocol", ("tests/protocol", "--ignore=tests/protocol/test_generator.py")),
    # SQLite alone: how the databases differ is no matter of this package. Without the races, which
    # happen in other processes.
    Package(
        "recovery",
        (
            "tests/recovery",
            "tests/account/test_totp.py",
            "tests/deposit/test_drilling.py",
            "tests/custodian/test_release_checks.py",
            *("-k", "not postgresql", "--ignore=tests/recovery/test_races.py"),
        ),
    ),
)


class _WithoutWords(ast.NodeTransformer):
    """Take prose, and None in its place, out of what is raised; field names and codes stay."""

    def __init__(self) -> None:
        self.raised = 0

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        self.raised += 1
        self.generic_visit(node)
        self.raised -= 1
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if self.raised or ast.unparse(node.func).rpartition(".")[2] in ERRORS:
            node.args = [each for each in node.args if not self._is_prose(each)]
            node.keywords = [each for each in node.keywords if not self._is_prose(each.value)]
        return node

    @staticmethod
    def _is_prose(node: ast.expr) -> bool:
        if isinstance(node, ast.JoinedStr):
            return any(map(_WithoutWords._is_prose, node.values))
        return isinstance(node, ast.Constant) and (
            node.value is None or (isinstance(node.value, str) and " " in node.value)
        )


@lru_cache(maxsize=4)
def _meaning(function: str) -> str:
    return ast.dump(_WithoutWords().visit(ast.parse(textwrap.dedent(function))))


class Module:
    """All mutants of one module, side by side in one file."""

    def __init__(self, path: Path) -> None:
        made = mutate_file_contents(str(path), FIRST_LINE + path.read_text("utf-8"))
        self.code = made.code
        self.names = made.mutant_names
        self._spans = made.line_span_by_function_name
        self._lines = made.code.splitlines()

    def _both(self, name: str) -> Iterator[str]:
        """Yield a function as it is, then as this mutant has it."""
        for each in (f"{mangled_name_from_mutant_name(name)}__mutmut_orig", name):
            span = self._spans[each]
            yield "\n".join(self._lines[span.start - 1 : span.end]).replace(each, "f")

    def changes_words_only(self, name: str) -> bool:
        """Tell whether a mutant says an error in other words and does nothing else."""
        before, after = map(_meaning, self._both(name))
        return before == after

    def difference(self, name: str) -> Iterator[str]:
        """Yield the changed lines of one mutant."""
        before, after = (text.splitlines() for text in self._both(name))
        for line in difflib.unified_diff(before, after, n=0, lineterm=""):
            if line[:2] not in {"--", "++", "@@"}:
                yield line


def make_mutants(package: Package, names: Sequence[str]) -> dict[str, Module]:
    """Make the mutants of these modules, of all for no names."""
    made = {}
    for path in sorted((ROOT / "escrow" / package.name).glob("*.py")):
        module = f"{package.name}.{path.stem}"
        if not names or {package.name, module} & set(names):
            made[module] = Module(path)
    return made


def lay_out(package: Package, made: dict[str, Module]) -> None:
    """Copy the tree and put the mutants into the copy."""
    shutil.rmtree(package.folder, ignore_errors=True)
    copy_tree(tree_files(), ROOT, package.folder)
    for module, made_of in made.items():
        path = package.folder / "escrow" / f"{module.replace('.', '/')}.py"
        path.write_text(made_of.code, "utf-8")


def read_verdicts(package: Package) -> dict[str, str]:
    """Read what became of each mutant, the newest last."""
    if not package.verdicts_file.exists():
        return {}
    return dict(json.loads(line) for line in package.verdicts_file.read_text("utf-8").splitlines())


def measured_file(package: Package) -> Path:
    """Name the file of what each test takes and calls: another one when anything has changed."""
    digest = hashlib.sha256(repr(package.tests).encode())
    for folder in ("escrow", "tests"):
        for path in sorted((package.folder / folder).rglob("*")):
            if path.is_file() and path.parent != package.folder / "tests/mutants":
                digest.update(path.read_bytes())
    return WORKSHOP / f"{package.name}-{digest.hexdigest()[:16]}.json"


def try_mutants(
    package: Package, mutants: Sequence[str], children: int, budget_seconds: float
) -> None:
    """Run the tests on each mutant; raises CalledProcessError if they fail without any."""
    plan = {
        "mutants": mutants,
        "children": children,
        "budget": budget_seconds,
        "verdicts": str(package.verdicts_file),
        "measured": str(measured_file(package)),
    }
    plan_file = package.folder / "plan.json"
    plan_file.write_text(json.dumps(plan), "utf-8")
    values = {name: value for name, value in os.environ.items() if name != "CI"}
    # Before the paths of the editable install, which lead to the real tree.
    values["PYTHONPATH"] = os.pathsep.join([str(package.folder), str(package.folder / "cli")])
    values.update(PYTHONDONTWRITEBYTECODE="1", MUTANTS_PLAN=str(plan_file))
    values["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    plugins = ("_hypothesis_pytestplugin", "tests.mutants.plugin", "no:cacheprovider")
    # A traceback with source would be parsed out of a file that has a thousand mutants in it.
    options = ["-q", "-s", "--no-header", "--tb=native", *(f"-p{plugin}" for plugin in plugins)]
    command = [sys.executable, "-m", "pytest", *options, *package.tests]
    subprocess.run(command, cwd=package.folder, env=values, stdin=subprocess.DEVNULL, check=True)


def report(made: dict[str, Module], verdicts: dict[str, str], mutants: Sequence[str]) -> bool:
    """Print the survivors, then the score of each module; tell whether it is good enough."""
    scores: dict[str, Counter[str]] = {}
    for mutant in (each for each in mutants if each in verdicts):
        module, _, name = mutant.removeprefix("escrow.").rpartition(".")
        scores.setdefault(module, Counter())[verdicts[mutant]] += 1
        if verdicts[mutant] not in CAUGHT:
            print(f"\n{mutant}: {verdicts[mutant]}", *made[module].difference(name), sep="\n  ")
    total = sum(scores.values(), Counter[str]())
    print()
    for module, counted in [*sorted(scores.items()), ("together", total)]:
        caught = sum(counted[word] for word in CAUGHT)
        words = ", ".join(f"{count} {word}" for word, count in sorted(counted.items()))
        print(f"{module:22} {caught / max(1, counted.total()):7.1%}  {words}")
    return sum(total[word] for word in CAUGHT) >= GOOD_ENOUGH * total.total()


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these packages or modules")
    parser.add_argument("--survivors", action="store_true", help="only what was not caught before")
    parser.add_argument("--report", action="store_true", help="try nothing, print what is known")
    parser.add_argument("--children", type=int, default=2, help="mutants at once (2)")
    parser.add_argument(
        "--budget",
        type=float,
        default=30,
        metavar="SECONDS",
        help="of the tests that call a mutant, run the shortest that fit in here (30)",
    )
    parser.add_argument(
        "--tests", nargs="+", metavar="FILE", help="of the tests of the package, only these files"
    )
    given = parser.parse_args()
    named = {name.split(".")[0] for name in given.names}
    if unknown := named - {package.name for package in PACKAGES}:
        raise SystemExit(f"error: no such package: {', '.join(sorted(unknown))}")
    good = True
    packages = [each for each in PACKAGES if not named or each.name in named]
    for package in [each.with_tests(given.tests) for each in packages]:
        made = make_mutants(package, given.names)
        every = [(module, name) for module in made for name in made[module].names]
        mutants = [f"escrow.{m}.{n}" for m, n in every if not made[m].changes_words_only(n)]
        print(
            f"{len(mutants)} mutants, without {len(every) - len(mutants)} that change words only",
            flush=True,
        )
        known = read_verdicts(package)
        if given.survivors:
            wanted = [each for each in mutants if known.get(each) not in CAUGHT]
        else:
            wanted = mutants
        if wanted and not given.report:
            lay_out(package, made)
            try_mutants(package, wanted, given.children, given.budget)
        good &= report(made, read_verdicts(package), mutants)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
