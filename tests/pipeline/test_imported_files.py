"""The imports of programs are followed through a project, and only through it."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.pipeline.imported_files import imported_files

PROGRAM = "producers/orders_cdc_producer.py"


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({PROGRAM: "import json, pyspark\n"}, set()),
        ({PROGRAM: "import rows\n", "producers/rows.py": ""}, {"producers/rows.py"}),
        (
            {PROGRAM: "from configs.settings import load\n", "configs/__init__.py": "", "configs/settings.py": ""},
            {"configs/__init__.py", "configs/settings.py"},
        ),
        ({PROGRAM: "from configs import settings\n", "configs/settings.py": ""}, {"configs/settings.py"}),
        (
            {
                PROGRAM: "import a\n",
                "a.py": "import b.c\n",
                "b/__init__.py": "",
                "b/c.py": "from . import d",
                "b/d.py": "",
            },
            {"a.py", "b/__init__.py", "b/c.py", "b/d.py"},
        ),
        ({PROGRAM: "from producers.rows import x\n", "producers/rows.py": ""}, {"producers/rows.py"}),
        ({PROGRAM: "def f():\n    import late\n", "late.py": ""}, {"late.py"}),
        ({PROGRAM: "try:\n    import maybe\nexcept ImportError:\n    pass\n", "maybe.py": ""}, {"maybe.py"}),
        ({PROGRAM: "import a\n", "a.py": "import b\n", "b.py": "import a\n"}, {"a.py", "b.py"}),
        ({PROGRAM: "import a\n", "a.py": "not python (\n"}, {"a.py"}),
        ({PROGRAM: "x = 1\n", "unused.py": ""}, set()),
    ],
    ids=[
        "none of the project",
        "beside the program",
        "of a package",
        "a module as a name",
        "through others",
        "of its own package",
        "in a function",
        "in try",
        "in a circle",
        "damaged",
        "unused",
    ],
)
def test_imports_are_followed(tmp_path: Path, files: dict[str, str], found: set[str]) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    named = {path.relative_to(tmp_path).as_posix() for path in imported_files([tmp_path / PROGRAM], tmp_path)}
    assert named == found | {PROGRAM}
