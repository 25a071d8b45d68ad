"""What a good engineer writes by hand to score a folder: `python batch_by_hand.py MODEL.onnx IN OUT`.

Two processes, each with half of the files; pyarrow in batches of 16,384 rows, ONNX Runtime with one thread, one row group of
the output a file's row group, no types checked, nothing kept of what was done when it stops.
"""

import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime
import pyarrow as pa
import pyarrow.parquet as pq

PROCESSES, BATCH = 2, 16_384


def score(model, files, target):
    """Score some files into files of the same names."""
    pa.set_cpu_count(1)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    for file in files:
        parquet = pq.ParquetFile(file)
        names = parquet.schema_arrow.names
        answered = []
        for batch in parquet.iter_batches(BATCH, use_threads=False):
            num = np.column_stack([batch[n].to_numpy(zero_copy_only=False) for n in names if n.startswith("x")])
            cat = np.column_stack([batch[n].to_numpy(zero_copy_only=False) for n in names if n.startswith("c")])
            label, chance = session.run(["label", "probabilities"], {"num": num.astype(np.float32), "cat": cat})
            columns = [*batch.columns, pa.array(label), pa.array(chance[:, 1].astype(np.float64))]
            answered.append(pa.record_batch(columns, names=[*names, "prediction", "probability"]))
        pq.write_table(pa.Table.from_batches(answered), target / file.name)


def main(model, source, target):
    """Give each process every second file."""
    Path(target).mkdir()
    files = sorted(Path(source).glob("*.parquet"))
    with ProcessPoolExecutor(PROCESSES) as pool:
        for ended in [pool.submit(score, model, files[place::PROCESSES], Path(target)) for place in range(PROCESSES)]:
            ended.result()


if __name__ == "__main__":
    main(*sys.argv[1:])
