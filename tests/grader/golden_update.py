"""`python -m tests.grader.golden_update` accepts what the renderers write now: look at the diff then."""

from __future__ import annotations

from tests.grader.test_renderers import GOLDEN, golden_texts

if __name__ == "__main__":
    for name, text in golden_texts().items():
        (GOLDEN / name).write_text(text, encoding="utf-8")
