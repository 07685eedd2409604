"""The workflow that grades a student's repository on GitHub. The repository is made from the starter kit.

It needs GitHub Actions and nothing else. Its name, the job's name, and the two notices in which it gives the points are
those that GitHub Classroom looks for: https://github.com/classroom-resources/autograding-grading-reporter. That page
says that GitHub has since closed the Classroom application.
"""

from __future__ import annotations

from pathlib import Path

FILES = Path(__file__).parent / "workflow"
_PLACES = {"grade.yml": ".github/workflows/grade.yml", "marks.py": ".github/marks.py"}


def write_workflow(folder: Path) -> list[Path]:
    """Write the files into a repository's folder, and return their paths.

    Raises:
        OSError: they cannot be written.
    """
    written = []
    for name, place in _PLACES.items():
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((FILES / name).read_bytes())
        written.append(path)
    return written
