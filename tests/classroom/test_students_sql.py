"""Which of a submission's SQL files make its table."""

from __future__ import annotations

from pathlib import Path

from scripts.classroom.students_sql import sql_files


def names(folder: Path, files: dict[str, str]) -> list[str]:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return [path.relative_to(folder).as_posix() for path in sql_files(folder)]


def test_what_creates_comes_first_and_what_drops_is_left_out(tmp_path: Path) -> None:
    assert names(
        tmp_path,
        {
            "x/db/1_rows.sql": "INSERT INTO t VALUES (1)",
            "x/db/2_table.sql": "create table if not exists t (a int)",
            "x/db/3_clean.sql": "DROP TABLE t",
            "x/scripts/insert_later.sql": "INSERT INTO t VALUES (2)",
        },
    ) == ["x/db/2_table.sql", "x/db/1_rows.sql"]


def test_without_a_folder_db_only_what_creates_a_table_counts(tmp_path: Path) -> None:
    files = {"sql/table.sql": "CREATE TABLE t (a int)", "sql/round2.sql": "INSERT INTO t VALUES (1)"}
    assert names(tmp_path, files) == ["sql/table.sql"]


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere.sql").write_text("CREATE TABLE t (a int)", encoding="utf-8")
    (tmp_path / "submission" / "db").mkdir(parents=True)
    (tmp_path / "submission" / "db" / "orders.sql").symlink_to(tmp_path / "elsewhere.sql")
    assert sql_files(tmp_path / "submission") == []
