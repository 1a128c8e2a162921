import ast
import sys
from pathlib import Path

import pytest

from edgetl.remote import supervisor

SOURCE = Path(supervisor.__file__).read_text("utf-8")


def test_it_is_read_by_a_python_that_is_too_old() -> None:
    ast.parse(SOURCE, feature_version=(3, 7))


def test_no_annotation_needs_a_newer_python_to_run() -> None:
    unquoted = [
        ast.unparse(annotation)
        for node in ast.walk(ast.parse(SOURCE))
        if isinstance(node, ast.FunctionDef)
        for annotation in (*(argument.annotation for argument in node.args.args), node.returns)
        if isinstance(annotation, ast.Subscript | ast.BinOp)
    ]
    assert unquoted == []


def test_it_needs_the_standard_library_alone() -> None:
    imported = {
        name.partition(".")[0]
        for node in ast.walk(ast.parse(SOURCE))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [node.module or ""] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
        )
    }
    assert imported <= sys.stdlib_module_names


def test_a_folder_that_tmpdir_names_and_is_not_there_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "unmounted"))
    place, free = supervisor._place(1)
    assert place in ("/var/tmp", str(Path.home()), "/tmp")
    assert free > 1
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert supervisor._place(1 << 60)[0] == str(
        tmp_path
    )  # the one that was chosen, even where it is too small
