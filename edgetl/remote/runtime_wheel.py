"""The part of edgetl that a device needs, as files and as a wheel, made of the installed package itself."""

import ast
import base64
import hashlib
import importlib.metadata
import importlib.util
import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import edgetl
from edgetl.extras import DEVICE
from edgetl.files import write_bytes

NAME = "edgetl_runtime"
WORKSTATION = (
    "edgetl.training",
    "edgetl.converters",
    "edgetl.benchmarks.estimate",
    "edgetl.remote",
    "edgetl.reports.pages",
    "edgetl.cli.check",
    "edgetl.cli.demo",
    "edgetl.cli.export",
)
"""What a board has no use for; so is every module that cannot be imported without one of these."""
_PACKAGES = ("edgetl", "edgetl.benchmarks")
_LEFT_OUT = ("README.md",)
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest a zip can say; with it the same files are the same bytes
_REGULAR_FILE = 0o100644 << 16


def runtime_files() -> dict[str, bytes]:
    """The device's modules and what lies beside them, by path below the folder to import from, in order.

    Every module of :mod:`edgetl` but those of ``WORKSTATION`` and those that import one of them as they are
    imported themselves; whatever is only loaded when it is asked for stays. Of the reports only what is drawn
    by one that stays.
    """
    modules = {name: place for package in _PACKAGES for name, place in _modules(package)}
    dropped = {name for name in modules if _is_within(name, WORKSTATION)}
    needs = {name: _imported(place.read_bytes()) for name, place in modules.items() if name not in dropped}
    while more := {name for name in needs if name not in dropped and needs[name] & dropped}:
        dropped |= more
    dropped |= _undrawn(modules, dropped)
    kept = {name: place for name, place in modules.items() if name not in dropped}
    found = {_path_of(name, place): place.read_bytes() for name, place in kept.items()}
    for name, place in kept.items():
        if place.name == "__init__.py":
            found |= {
                f"{name.replace('.', '/')}/{file.name}": file.read_bytes() for file in _data(place.parent)
            }
    return dict(sorted(found.items()))


def runtime_wheel() -> tuple[str, bytes]:
    """The name and the bytes of a wheel of :func:`runtime_files`; the same edgetl gives the same bytes.

    It is the distribution ``edgetl-runtime``, with the command ``edgetl``. It has the same modules as edgetl:
    the two cannot be installed side by side.
    """
    info = f"{NAME}-{edgetl.__version__}.dist-info"
    files = runtime_files() | {
        f"{info}/METADATA": _metadata().encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: edgetl\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": b"[console_scripts]\nedgetl = edgetl.cli:main\n",
    }
    if (licence := _licence()) is not None:
        files[f"{info}/licenses/LICENSE"] = licence
    files[f"{info}/RECORD"] = _record(files, f"{info}/RECORD")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path, data in files.items():
            entry = zipfile.ZipInfo(path, _EPOCH)
            entry.external_attr = _REGULAR_FILE
            entry.create_system = 3  # Unix, wherever it is made
            archive.writestr(entry, data, zipfile.ZIP_DEFLATED, 9)
    return f"{NAME}-{edgetl.__version__}-py3-none-any.whl", buffer.getvalue()


def write_wheel(folder: Path) -> Path:
    """Put the wheel into a folder, which is made where it is missing; the way to the wheel."""
    name, data = runtime_wheel()
    write_bytes(folder / name, data)
    return folder / name


def _modules(package: str) -> Iterator[tuple[str, Path]]:
    spec = importlib.util.find_spec(package)
    assert spec is not None
    for root in map(Path, spec.submodule_search_locations or ()):
        for place in sorted(root.rglob("*.py")):
            parts = place.relative_to(root).with_suffix("").parts
            # benchmarks/peers of a checkout is no package: scripts lie there.
            if all((root.joinpath(*parts[:depth]) / "__init__.py").is_file() for depth in range(len(parts))):
                yield ".".join([package, *parts]).removesuffix(".__init__"), place


def _undrawn(modules: Mapping[str, Path], dropped: set[str]) -> set[str]:
    """Parts of pages that no module of the board imports, wherever in its text."""
    reports = {name for name in modules if _is_within(name, ("edgetl.reports",)) and name not in dropped}
    drawn, left = {"edgetl.reports"}, [name for name in modules if name not in dropped | reports]
    while left:
        source = ast.parse(modules[left.pop()].read_bytes())
        named = _named(ast.walk(source)) & reports - drawn
        drawn |= named
        left += named
    return reports - drawn


def _data(folder: Path) -> list[Path]:
    kept = (file for file in folder.iterdir() if file.is_file() and file.suffix not in {".py", ".pyc"})
    return [file for file in kept if file.name not in _LEFT_OUT and not file.name.startswith(".")]


def _imported(source: bytes) -> set[str]:
    """What is imported as the module itself is imported: not in functions, not for type checkers alone."""
    found, left = set(), list(ast.parse(source).body)
    while left:
        node = left.pop()
        found |= _named([node])
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            left += node.orelse
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            left += [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt)]
    return found


def _named(nodes: Iterable[ast.AST]) -> set[str]:
    """What the import statements among them name."""
    found = set[str]()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def _is_within(name: str, packages: tuple[str, ...]) -> bool:
    return any(f"{name}.".startswith(f"{package}.") for package in packages)


def _path_of(name: str, place: Path) -> str:
    return name.replace(".", "/") + ("/__init__.py" if place.name == "__init__.py" else ".py")


def _metadata() -> str:
    """Version, licence and requirements are those of the installed edgetl."""
    whole = importlib.metadata.metadata("edgetl")
    lines = ["Metadata-Version: 2.4", f"Name: {NAME.replace('_', '-')}", f"Version: {edgetl.__version__}"]
    lines += ["Summary: The part of edgetl that runs, verifies and measures models on a board."]
    lines += [f"{key}: {whole[key]}" for key in ("License-Expression", "Requires-Python") if whole[key]]
    lines += ["License-File: LICENSE", *(f"Provides-Extra: {extra}" for extra in DEVICE)]
    for requirement in importlib.metadata.requires("edgetl") or ():
        extra = re.search(r"extra == ['\"]([^'\"]+)['\"]", requirement)
        if extra is None or extra[1] in DEVICE:
            lines.append(f"Requires-Dist: {requirement}")
    return "\n".join(lines) + "\n"


def _licence() -> bytes | None:
    """The text that goes with every copy: of an installation, or of the checkout of an editable one."""
    installed = importlib.metadata.distribution("edgetl")
    places = [
        Path(str(installed.locate_file(file))) for file in installed.files or () if file.name == "LICENSE"
    ]
    return next((place.read_bytes() for place in places if place.is_file()), None)


def _record(files: Mapping[str, bytes], own_path: str) -> bytes:
    rows = [
        f"{path},sha256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip('=')},{len(data)}"
        for path, data in files.items()
    ]
    return "\n".join([*rows, f"{own_path},,", ""]).encode()
