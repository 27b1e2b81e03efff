"""Builds the stub: nvml_stub.c and a generated function for every other symbol of the binding."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pynvml

HERE = Path(__file__).parent
SONAME = "libnvidia-ml.so.1"
_DEFINED = re.compile(r"^EXPORT [\w ]+?\*?(nvml\w+)\(", re.MULTILINE)


def build(folder: Path) -> Path:
    """Compile into ``folder``; the path of the library."""
    generated = folder / "not_supported.c"
    generated.write_text(not_supported_source())
    library = folder / SONAME
    subprocess.run(
        [
            *_compiler(),
            "-O1",
            "-Wall",
            "-Wextra",
            "-Werror",
            "-shared",
            "-fPIC",
            f"-Wl,-soname,{SONAME}",
            "-o",
            str(library),
            str(HERE / "nvml_stub.c"),
            str(generated),
            "-lpthread",
        ],
        check=True,
        capture_output=True,
        text=True,
    )
    return library


def binding_symbols() -> frozenset[str]:
    """Every C symbol that nvidia-ml-py may look up."""
    tree = ast.parse(Path(pynvml.__file__).read_text())
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    return frozenset(
        call.args[0].value
        for call in calls
        if getattr(call.func, "id", "") == "_nvmlGetFunctionPointer"
        and isinstance(call.args[0], ast.Constant)
    )


def implemented_symbols() -> frozenset[str]:
    """What nvml_stub.c defines itself."""
    return frozenset(_DEFINED.findall((HERE / "nvml_stub.c").read_text()))


def not_supported_source() -> str:
    """C functions that answer NVML_ERROR_NOT_SUPPORTED."""
    lines = [
        f'__attribute__((visibility("default"))) int {name}(void) {{ return 3; }}'
        for name in sorted(binding_symbols() - implemented_symbols())
    ]
    return "\n".join(lines) + "\n"


def _compiler() -> list[str]:
    gcc = shutil.which("gcc") or shutil.which("cc")
    return [gcc] if gcc else [sys.executable, "-m", "ziglang", "cc"]
