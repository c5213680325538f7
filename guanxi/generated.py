"""The generated files below docs/reference: records with their JSON Schemas, and commands.

``python -m guanxi.generated`` writes them; with ``--check`` nothing is written and stale files are told.
"""

import sys
from pathlib import Path

import click

from guanxi import command_reference, schemas

REFERENCE = Path(__file__).resolve().parents[1] / "docs" / "reference"


def files() -> dict[Path, str]:
    """Every generated file, relative to docs/reference -> its content."""
    return schemas.files() | command_reference.files()


def stale(folder: Path) -> list[Path]:
    """Generated files of a folder that are missing, differ or should not be there, in order."""
    wanted = files()
    there = {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}
    wrong = [p for p, text in wanted.items() if not (folder / p).is_file() or (folder / p).read_text("utf-8") != text]
    return sorted({*wrong, *(there - wanted.keys())})


def write(folder: Path) -> None:
    """Write every generated file and delete what is none."""
    wanted = files()
    for path in stale(folder):
        if path in wanted:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(wanted[path], "utf-8")
        else:
            (folder / path).unlink()


@click.command()
@click.option("--check", is_flag=True, help="Change nothing; exit 1 and name the files that are stale.")
@click.option("--folder", type=click.Path(file_okay=False, path_type=Path), default=REFERENCE, help="docs/reference.")
def main(*, check: bool, folder: Path) -> None:
    """Write the reference pages and JSON Schemas."""
    if not check:
        write(folder)
        return
    wrong = stale(folder)
    for path in wrong:
        click.echo(f"stale: {folder / path}")
    if wrong:
        click.echo("Write them anew with: make generated")
        sys.exit(1)


if __name__ == "__main__":
    main()
