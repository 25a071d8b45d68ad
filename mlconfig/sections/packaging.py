"""``packaging``: features and model as one file, and how closely it must predict the same."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mlconfig.vocabulary import Fraction, Frozen, Plugin, PluginRef


class Parity(Frozen):
    """How closely the packaged model must follow the fitted one, on the holdout and on hard rows."""

    tolerance: float = Field(1e-6, gt=0.0, description="Largest difference of a probability (regression: relative).")
    within_fraction: Fraction = Field(0.999, description="Rows that must be within `tolerance`.")
    outlier_fraction: Fraction = Field(
        0.0001, description="Rows that may be further off: float32 crossings of thresholds."
    )


class Packaging(Frozen):
    """The one file that is served, and the proof that it predicts the same."""

    exporter: Plugin = Field(PluginRef(name="onnx"), description="The exporter plugin.")
    precision: Literal["float32", "float64"] = Field(
        "float32", description="float64 removes float32's threshold crossings."
    )
    parity: Parity = Field(Parity(), description="How closely it must predict the same.")
