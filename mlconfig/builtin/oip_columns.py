"""One version's signature in the Open Inference Protocol's words: a tensor a column in, a tensor a part of the answer out."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any, NamedTuple

import msgspec

from mlconfig.builtin.oip_tensors import ALL, BOOL, BYTES, NUMBERS, Tensor, refuse, rows_of
from mlconfig.contracts.protocol import Asked, RowAnswer, Surface
from mlconfig.contracts.refusal import RequestRefusedError
from mlconfig.records.signature import Signature, SignatureColumn

_TOLD = {"numeric": "FP64", "boolean": BOOL, "categorical": BYTES, "timestamp": BYTES}
_TAKEN = {
    "numeric": NUMBERS,
    "boolean": frozenset({BOOL}),
    "categorical": ALL,  # whether a category may be a number is the reader's to say
    "timestamp": frozenset({BYTES, "FP64", "INT32", "INT64", "UINT32", "UINT64"}),  # seconds do not fit into less
}
_UNSUPPORTED = ("classification", "shared_memory_region")

Values = Callable[[int], list[Any]]
"""The values of a tensor, once it is known how many rows it has."""


class Output(NamedTuple):
    """One tensor of the response. ``values``: flat, row by row."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    values: list[Any]


class Columns:
    """What is taken and what is answered. ``inputs``, ``outputs``: name, datatype and shape, -1 for the rows."""

    def __init__(self, surface: Surface) -> None:
        signature = surface.signature
        self._reader = surface.reader
        self._columns = {column.name: column for column in signature.columns}
        self._taken = {name: _TAKEN[column.kind] for name, column in self._columns.items()}
        self._taken |= dict.fromkeys(signature.unused, ALL)
        self._required = [column.name for column in signature.columns if column.required]
        self._classes = {msgspec.json.encode(each): each for each in signature.classes}
        self.inputs = [Tensor(column.name, told(signature, column), (-1,)) for column in signature.columns]
        self.outputs = _outputs(signature)
        self._named = {output.name: output for output in self.outputs}

    def read(self, given: Sequence[tuple[Tensor, Values]]) -> Asked:
        """Rows of the tensors. Raises RequestRefusedError that names the tensor, or the row and the column."""
        columns: dict[str, list[Any]] = {}
        rows = 0
        for tensor, values in given:
            if tensor.name in columns:
                raise refuse(tensor.name, "the tensor is there twice", "send each once")
            self._check(tensor)
            count = rows_of(tensor, self._reader.max_rows)
            if rows and count != rows:
                raise refuse(tensor.name, "it has more or fewer rows than the tensors before it")
            rows = count
            columns[tensor.name] = values(count)
        missing = next((name for name in self._required if name not in columns), None)
        if missing is not None:
            raise refuse(missing, "the tensor is required", "send it; GET the model for all of them")
        if not columns:
            raise RequestRefusedError(400, "there is no tensor", "inputs", "send one a column")
        names = list(columns)
        return self._reader.from_values(
            [dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        )

    def _check(self, tensor: Tensor) -> None:
        taken = self._taken.get(tensor.name)
        if taken is None:
            close = difflib.get_close_matches(tensor.name[:64], self._taken, 1)
            hint = f"did you mean `{close[0]}`?" if close else "GET the model to see the tensors it takes"
            raise refuse(tensor.name, "the tensor is unknown", hint)
        if tensor.datatype not in taken:
            column = self._columns.get(tensor.name)
            hint = f"send {_TOLD[column.kind]}" if column is not None else "send a known one"
            raise refuse(tensor.name, "the datatype is not taken", hint)

    def check_outputs(self, names: Sequence[str]) -> None:
        """Refuses outputs that there are none of, and repeated ones."""
        for name in names:
            if name not in self._named:
                raise refuse(name, "there is no such output", f"ask for {', '.join(self._named)}")
            if names.count(name) > 1:
                raise refuse(name, "the output is asked for twice", "ask once")

    def answer(self, names: Sequence[str], answers: Sequence[RowAnswer]) -> list[Output]:
        """The asked tensors, all where none is asked for; n answers."""
        return [self._output(name, answers) for name in names or self._named]

    def _output(self, name: str, answers: Sequence[RowAnswer]) -> Output:
        about, rows = self._named[name], len(answers)
        if name == "probabilities":
            flat = list(chain.from_iterable(answer.probabilities or () for answer in answers))
            return Output(name, about.datatype, (rows, len(self._classes)), flat)
        values: dict[str, Callable[[RowAnswer], Any]] = {
            "prediction": self._prediction,
            "probability": lambda answer: answer.score,
            "prediction_id": lambda answer: answer.prediction_id.decode(),
            "version": lambda answer: msgspec.json.decode(answer.version),
        }
        return Output(name, about.datatype, (rows,), [values[name](answer) for answer in answers])

    def _prediction(self, answer: RowAnswer) -> Any:
        found = self._classes.get(answer.prediction)
        value = msgspec.json.decode(answer.prediction) if found is None else found
        return as_datatype(self._named["prediction"].datatype, value)


def told(signature: Signature, column: SignatureColumn) -> str:
    """The datatype that is told of a column; others of its kind are taken too."""
    if column.kind == "numeric" and column.integer and not column.nullable:
        return "INT64"  # a whole number that may be missing needs NaN
    example = signature.example.get(column.name)
    if column.kind == "categorical" and isinstance(example, bool | int | float):
        return datatype_of([example])
    return _TOLD[column.kind]


def datatype_of(values: Sequence[Any]) -> str:
    """The datatype that holds all of these; text where they are of different kinds."""
    kinds = {type(value) for value in values}
    if kinds == {bool}:
        return BOOL
    if kinds == {int} and all(-(2**63) <= value < 2**63 for value in values):
        return "INT64"
    return "FP64" if kinds and kinds <= {int, float} else BYTES


def as_datatype(datatype: str, value: Any) -> Any:
    """A class or a value as an element of its tensor."""
    if datatype == "FP64":
        return float(value)
    if datatype == BYTES and not isinstance(value, str):
        return msgspec.json.encode(value).decode()
    return value


def _outputs(signature: Signature) -> list[Tensor]:
    datatype = "FP64" if signature.task == "regression" else datatype_of(signature.classes)
    outputs = [Tensor("prediction", datatype, (-1,))]
    if signature.task == "binary":
        outputs.append(Tensor("probability", "FP64", (-1,)))
    elif signature.task == "multiclass":
        outputs.append(Tensor("probabilities", "FP64", (-1, len(signature.classes))))
    return [*outputs, Tensor("prediction_id", BYTES, (-1,)), Tensor("version", BYTES, (-1,))]


def refuse_unsupported(name: str, parameters: Sequence[str]) -> None:
    """Refuses extensions whose absence would change the answer. ``parameters``: names of those of a tensor."""
    found = next((each for each in _UNSUPPORTED if each in parameters), None)
    if found is not None:
        raise refuse(name, f"the parameter `{found}` is not supported", "leave it out")


def version_of(answers: Sequence[RowAnswer], champion: str) -> str:
    """The version that answered all rows; the champion where several did, told apart by the output ``version``."""
    versions = {answer.version for answer in answers}
    return str(msgspec.json.decode(versions.pop())) if len(versions) == 1 else champion
