"""What a person hears about columns that the model does not take of itself."""

from pathlib import Path

RECIPE = """
task: regression
data:
  source: {name: csv, params: {path: rows.csv}}
  target: y
features: auto
model: ridge
"""


def write_rows(file: Path, constants: int) -> None:
    names = [f"c{number}" for number in range(constants)]
    lines = [",".join(["customer", "x", "y", *names])]
    lines += [
        ",".join([f"C{row:04d}", f"{row * 7 % 50}.5", f"{row % 9}.25", *["same"] * constants]) for row in range(300)
    ]
    file.write_text("\n".join(lines) + "\n")


def read_note(project) -> str:
    return next(
        event.note for event in project.apply(until="read").events if (event.step, event.state) == ("read", "done")
    )


def test_ids_and_constants_are_told(project):
    write_rows(project.folder / "rows.csv", constants=1)
    assert read_note(project.write(RECIPE)) == (
        "300 rows × 4 columns; `customer` looks like an id: 300 different values in 300 rows; `c0` is constant"
    )


def test_of_many_the_first_are_told(project):
    write_rows(project.folder / "rows.csv", constants=6)
    note = read_note(project.write(RECIPE))
    assert note.endswith("; `c2` is constant; 3 more in dataset.json")
