"""A transform of another package brings its own ONNX converter."""

RECIPE = """
task: regression
data:
  source: {name: synthetic, params: {rows: 400, numeric: 2, seed: 3}}
  target: target
features:
  columns:
    x0: {transforms: {impute: {strategy: median}, cyclic: {period: 24}}}
model: ridge
evaluation: {interval: {resamples: 20}}
"""


def test_it_is_packaged_with_parity(project):
    report = project.write(RECIPE).apply(until="package")
    note = next(event.note for event in report.events if event.step == "package")
    assert "parity" in note
