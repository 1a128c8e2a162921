"""Nothing changes a disk but through edgetl/disk.py: what else could write is named here with its reason."""

import ast
from collections.abc import Iterator
from pathlib import Path

_WRITES = frozenset(
    {
        *(
            "write_bytes",
            "write_text",
            "touch",
            "mkdir",
            "rmdir",
            "unlink",
            "symlink_to",
            "hardlink_to",
            "chmod",
        ),
        *("rename", "replace", "truncate", "makedirs", "removedirs", "remove", "link", "symlink", "fsync"),
        *("rmtree", "copy", "copy2", "copyfile", "copytree", "move", "save", "savez", "savez_compressed"),
        *("TemporaryDirectory", "mkdtemp", "mkstemp", "NamedTemporaryFile", "open_memmap", "save_weights"),
        "posix_fallocate",
    }
)
_PATHS_ONLY = {"replace", "rename", "remove", "copy", "move", "save", "link", "truncate"}
"""Other things have these names too: they count of ``os``, ``shutil`` and ``np``, and as a path's rename."""
_ALLOWED = {
    "edgetl/disk.py": "the seam itself",
    "edgetl/files/single.py": "copy2 into a temporary file, from another disk; open_memmap likewise",
    "edgetl/isolated.py": "a child's request and answer, in a scratch folder",
    "edgetl/training/adapting/statistics.py": "Keras writes into a temporary file",
    "edgetl/training/build.py": "Keras and OpenVINO write into a new folder, in a child process",
    "edgetl/training/tuning/cutting.py": "likewise",
    "edgetl/training/tuning/child.py": "Keras writes into a scratch folder",
    "edgetl/remote/supervisor.py": "runs on another machine, without edgetl, in a folder that it removes",
    "converters/sensitivity.py": "for ONNX Runtime, in a scratch folder",
    "converters/workshop.py": "a room of the scratch folder",
    "converters/export.py": "a room of the scratch folder",
}


def calls(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and name of each call that could write a file."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        function = node.func
        name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        owner = getattr(getattr(function, "value", None), "id", "")
        if name == "open":
            modes = [*node.args[:2], *(word.value for word in node.keywords if word.arg == "mode")]
            said = [str(mode.value) for mode in modes if isinstance(mode, ast.Constant)]
            if any(set(mode) & set("wax+") and len(mode) <= 3 for mode in said):
                yield node.lineno, name
        elif name in _PATHS_ONLY:
            plain = len(node.args) == 1 and not isinstance(node.args[0], ast.Constant) and not node.keywords
            if owner in ("os", "shutil", "np") or (plain and name in ("replace", "rename")):
                yield node.lineno, name
        elif name in _WRITES and owner not in ("files", "disk") and isinstance(function, ast.Attribute):
            in_memory = name in ("savez", "savez_compressed") and getattr(node.args[0], "id", "") == "buffer"
            if not in_memory:
                yield node.lineno, name


def test_only_the_seam_and_what_is_named_here_writes(root: Path) -> None:
    found = {
        path.relative_to(root).as_posix(): sorted(calls(ast.parse(path.read_text("utf-8"))))
        for package in ("edgetl", "converters")
        for path in sorted((root / package).rglob("*.py"))
    }
    strays = {name: where for name, where in found.items() if where and name not in _ALLOWED}
    assert strays == {}
    # A reason that nothing needs any more must go.
    assert [name for name in _ALLOWED if not found.get(name)] == []


def test_a_stray_write_would_be_seen() -> None:
    for line in (
        "p.write_text('a')",
        "open(p, 'wb')",
        "p.open('w')",
        "os.replace(a, b)",
        "a.replace(b)",
        "np.save(p, a)",
    ):
        assert list(calls(ast.parse(line))), line
    for line in (
        "'a'.replace('b', 'c')",
        "open(p)",
        "p.open('rb')",
        "files.write_text(p, '')",
        "found.remove(a)",
    ):
        assert not list(calls(ast.parse(line))), line
