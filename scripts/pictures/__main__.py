"""`make pictures`: python -m scripts.pictures [NAME ...]."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from configs.errors import KitError, run_command
from configs.settings import PROJECT
from grader.api import grade
from grader.class_run.command import PAGE, ClassOptions, evidence_mode, run_class
from grader.class_run.evidence_workers import EvidenceOptions
from grader.renderers.files import write_reports
from grader.rubric import DEFAULT_RUBRIC
from scripts.docs_venv import run_in_docs_venv
from scripts.pictures.browser import photograph
from scripts.pictures.evidence import a_class, a_submission
from scripts.watch.sample import sample_snapshot
from scripts.watch.terminal import picture as picture_of_terminal

FOLDER = PROJECT / "docs" / "pictures"
MAX_BYTES = 150_000
# A picture of a page has few colours: a palette makes it several times smaller.
_COMPRESS = """
import sys
from PIL import Image
image = Image.open(sys.argv[1]).convert("RGB").quantize(128, dither=Image.Dither.NONE)
image.save(sys.argv[2], optimize=True)
"""


@dataclass(frozen=True)
class Picture:
    """A picture of docs/pictures/. `make` writes a page below the folder and returns its path. Sizes are in pixels."""

    name: str
    width: int
    height: int
    make: Callable[[Path], Path]


def report_page(folder: Path) -> Path:
    """report.html of a submission with mistakes."""
    submission = a_submission(folder / "2025em1100471")
    with grade(submission.folder, database=submission.database()) as graded:
        return write_reports(graded.report, graded.evidence, folder / "reports", "2025-11-20T08:00:00Z")


def class_page(folder: Path) -> Path:
    """The class page of a small class."""
    roster = a_class(folder)
    out = folder / "results"
    run_class(ClassOptions(folder / "submissions", out, roster=roster), evidence_mode(EvidenceOptions(DEFAULT_RUBRIC)))
    return out / PAGE


def watch_page(folder: Path) -> Path:
    """The terminal of `make watch`, while a pipeline works."""
    page = folder / "watch.html"
    page.write_text(
        f"<!doctype html><body style='margin: 0'>{picture_of_terminal(sample_snapshot(), 100)}", encoding="utf-8"
    )
    return page


PICTURES = (
    Picture("report", 1200, 1000, report_page),
    Picture("class", 1200, 2000, class_page),
    Picture("watch", 1240, 564, watch_page),
)


def take(picture: Picture) -> Path:
    """Take a picture again. Returns its path.

    Raises:
        KitError: there is no Chromium, or the picture is too large for the repository.
    """
    path = FOLDER / f"{picture.name}.png"
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        raw, small = folder / "raw.png", folder / "small.png"
        photograph(picture.make(folder), picture.width, picture.height, raw)
        run_in_docs_venv(["-c", _COMPRESS, str(raw), str(small)], f"{path} could not be compressed")
        content = small.read_bytes()
    if len(content) > MAX_BYTES:
        raise KitError(f"{path} would have {len(content)} bytes, more than {MAX_BYTES}. Make it smaller")
    FOLDER.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.pictures", description="What `make pictures` calls.")
    names = [picture.name for picture in PICTURES]
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"default: all of them: {', '.join(names)}")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.names if name not in names]
    if unknown:
        parser.error(f"there is no picture {unknown[0]}; there are {', '.join(names)}")

    def command() -> int:
        for picture in PICTURES:
            if not options.names or picture.name in options.names:
                path = take(picture)
                print(f"wrote {path} ({path.stat().st_size // 1000} kB)")
        return 0

    return run_command(command)


if __name__ == "__main__":
    sys.exit(main())
