"""Rules of this code base that no linter knows, run over its own sources.

Each test names the rule; its failure names the file and line.
"""

import ast
import re
from collections.abc import Iterator
from importlib import metadata
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("deploy", "execution", "pipelines", "router")
MODULES = sorted(chain.from_iterable((ROOT / name).rglob("*.py") for name in PACKAGES))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
MAX_FUNCTION_LINES = 70
MAX_FILE_LINES = 500
MEDIAN_FUNCTION_LINES = 10

PURE = ("execution/domain", "pipelines/analyses", "pipelines/strategies", "router/routing.py")
CLOCKS = re.compile(r"\b(datetime\.now|utcnow|date\.today|time\.time|perf_counter|monotonic)\b")
AMBIENT = re.compile(r"\bos\.environ|\bos\.getenv|\bimport (random|secrets|uuid)\b|\bopen\(")
SUBJECT = re.compile(r"""["'](replay|live|inputs|events|registry|dead)\.[a-z{>*]""")
VAGUE = {"utils", "util", "helpers", "common", "misc", "core_utils"}
PRIVATE = re.compile(r"/(home|root|Users)/[a-z]|/work/|\.\./shared|\.library")


def place(path: Path) -> str:
    return str(path.relative_to(ROOT))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def lines_of(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def found(pattern: re.Pattern[str], path: Path) -> list[str]:
    return [
        f"{place(path)}:{number}: {line.strip()}"
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if pattern.search(line)
    ]


@pytest.mark.parametrize("path", MODULES, ids=place)
def test_a_module_says_what_belongs_in_it_and_what_to_keep_out(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text())) or ""
    assert docstring, f"{place(path)} has no docstring"
    if path.name not in {"__main__.py"} and "versions" not in path.parts:
        assert "Keep out" in docstring or path.name == "env.py", f"{place(path)} draws no border"


@pytest.mark.parametrize("path", [*MODULES, *TESTS], ids=place)
def test_functions_and_files_stay_small(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MAX_FILE_LINES
    long = [
        f"{place(path)}:{f.lineno} {f.name}"
        for f in functions(path)
        if lines_of(f) > MAX_FUNCTION_LINES
    ]
    assert not long


def test_the_median_function_is_short() -> None:
    lengths = sorted(lines_of(f) for path in MODULES for f in functions(path))
    assert lengths[len(lengths) // 2] <= MEDIAN_FUNCTION_LINES


@pytest.mark.parametrize("path", MODULES, ids=place)
def test_a_file_is_named_after_what_is_in_it(path: Path) -> None:
    assert path.stem not in VAGUE


@pytest.mark.parametrize("path", MODULES, ids=place)
def test_subjects_are_built_in_one_place(path: Path) -> None:
    if path != ROOT / "router" / "subjects.py":
        assert not found(SUBJECT, path)


@pytest.mark.parametrize("path", [p for p in MODULES if place(p).startswith(PURE)], ids=place)
def test_pure_modules_read_no_clock_and_no_environment(path: Path) -> None:
    assert not found(CLOCKS, path)
    assert not found(AMBIENT, path)


@pytest.mark.parametrize("path", [p for p in MODULES if "execution" in p.parts], ids=place)
def test_money_is_never_a_float(path: Path) -> None:
    """Only metrics, which people read as graphs, and time-outs may be floats."""
    if path.name in {"metrics.py", "processor.py"}:
        return
    assert not found(re.compile(r"\bfloat\((?!\))"), path)


def test_no_dependency_takes_the_names_of_our_packages() -> None:
    owners = metadata.packages_distributions()
    for name in PACKAGES:
        assert set(owners.get(name, [])) <= {"trading-system"}, name


@pytest.mark.parametrize(
    "path",
    [p for p in sorted(ROOT.glob("*.*")) if p.is_file()] + MODULES + TESTS,
    ids=place,
)
def test_nothing_private_is_in_the_repository(path: Path) -> None:
    if path == Path(__file__) or path.suffix not in {".py", ".md", ".toml", ".yaml", ".lock", ""}:
        return
    assert not found(PRIVATE, path)


def test_the_lock_names_no_index_host() -> None:
    for lock in ROOT.glob("requirements*.lock"):
        assert not found(re.compile(r"https?://|--index-url|--find-links"), lock)


@pytest.mark.parametrize("package", PACKAGES)
def test_every_module_is_used_or_is_an_entry(package: str) -> None:
    """A file that nothing names is dead; entries are run, or found by a framework."""
    entries = {"__init__", "__main__", "env", "cli", "definitions", "watchdog", "migrate", "verify"}
    text = "\n".join(p.read_text() for p in [*MODULES, ROOT / "pyproject.toml"])
    for path in (ROOT / package).rglob("*.py"):
        if path.stem in entries or "versions" in path.parts:
            continue
        assert re.search(
            rf"import {path.stem}\b|\.{path.stem}\b|, {path.stem}\b|\b{path.stem},", text
        ), place(path)
