"""The reference of a version, out of the rows that it was learned from and the packaged bytes' answers to the held-out ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mlconfig.monitoring.reference import HeldOut, make_baseline, permutation_importance
from mlconfig.records.columns import EVENT_TIME

if TYPE_CHECKING:
    from mlconfig.engine.learning import Prepared, Study
    from mlconfig.packaging.runtime import PackagedModel
    from mlconfig.records.packing import Feeds
    from mlconfig.records.signature import Signature


def baseline_files(
    study: Study, prepared: Prepared, packaged: PackagedModel, signature: Signature, holdout: Feeds, whose: Any = None
) -> dict[str, bytes]:
    """The files of ``monitoring.baseline``. ``holdout``: the packed rows of ``prepared.parts.test``. ``whose``: each row's
    subject as a digest [rows], where rows are somebody's.
    """
    packing, rows = prepared.packing, prepared.parts.test
    y = prepared.y[rows]
    names = {"num": packing.numeric, "cat": packing.categorical, "time": packing.timestamp}
    importance = permutation_importance(
        lambda feeds: packaged.predict(dict(feeds)).scores,
        holdout,
        {feed: tuple(columns) for feed, columns in names.items() if feed in holdout},
        y,
        0,
    )
    held_out = _held_out(packaged, signature, holdout, rows, y)
    return make_baseline(study.table, signature, held_out, _moments(study), importance, 0, whose)


def _held_out(packaged: PackagedModel, signature: Signature, holdout: Feeds, rows: Any, y: Any) -> HeldOut:
    said = packaged.predict(holdout)
    if said.labels is None:
        return HeldOut(rows, said.scores, said.scores, y)
    codes = np.asarray(said.labels, np.int64)
    scores = said.scores[:, 1] if signature.task == "binary" else said.scores[np.arange(len(codes)), codes]
    return HeldOut(rows, codes, scores, y)


def _moments(study: Study) -> Any:
    if EVENT_TIME not in study.table.column_names:
        return None
    return np.asarray(study.table.column(EVENT_TIME).to_numpy(), np.float64)
