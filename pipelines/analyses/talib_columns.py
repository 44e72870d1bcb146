"""TA-Lib's C functions run over whole columns: one call per symbol, written where it belongs.

Belongs here: calling TA-Lib. Keep out: which function means what (indicators.py).

The Python functions of TA-Lib allocate, fill and hand back an array per call, which costs as much
as the arithmetic for minute bars and a third of it for daily ones. The same C functions, from the
library that the package ta-lib brings, write straight into the column's rows here.
"""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import repeat

import numpy as np
import talib._ta_lib
from numpy.typing import NDArray

from pipelines.analyses.adjust import Floats
from pipelines.errors import AnalysisError

Index = NDArray[np.int64]

WORD = 8
"""Bytes of a float64."""

# The extension is linked to TA-Lib's own library, so its handle finds the C functions.
_LIBRARY = ctypes.CDLL(talib._ta_lib.__file__)


@dataclass(frozen=True)
class Function:
    """One function of TA-Lib's C interface, with its options: int for counts, float for others."""

    name: str
    inputs: int
    outputs: int
    options: tuple[int | float, ...] = ()

    @property
    def lookback(self) -> int:
        """How many of a series' first bars have no value."""
        return _bound(self)[1]

    def __call__(
        self,
        inputs: Sequence[Floats],
        starts: Index | None = None,
        out: Sequence[Floats] | None = None,
    ) -> tuple[Floats, ...]:
        """Every symbol's series through the function.

        Input: columns of shape (rows,) without NaN, and where each symbol's rows begin, and the
        end (one symbol without it). Output: as many columns as the function has, of that shape,
        NaN while warming up; written into `out` where it is given. Raises AnalysisError.
        """
        columns = [np.ascontiguousarray(column, dtype=np.float64) for column in inputs]
        rows = len(columns[0])
        edges = np.array([0, rows], np.int64) if starts is None else starts
        results = tuple(np.empty(rows) for _ in range(self.outputs)) if out is None else tuple(out)
        self._demand_shape(columns, results, edges, rows)
        held = np.flatnonzero(np.diff(edges))
        _blank(results, edges, self.lookback)
        self._run(columns, results, edges[:-1][held], np.diff(edges)[held])
        return results

    def _run(
        self, columns: Sequence[Floats], results: Sequence[Floats], begins: Index, counts: Index
    ) -> None:
        call, lookback = _bound(self)
        began, written = ctypes.c_int(), ctypes.c_int()
        offsets = begins * WORD
        failed = map(
            call,
            repeat(0),
            (counts - 1).tolist(),
            *((column.ctypes.data + offsets).tolist() for column in columns),
            *(repeat(option) for option in self.options),
            repeat(ctypes.addressof(began)),
            repeat(ctypes.addressof(written)),
            *((result.ctypes.data + offsets + lookback * WORD).tolist() for result in results),
        )
        if (code := next((code for code in failed if code), 0)) != 0:
            raise AnalysisError(f"TA-Lib's {self.name}{self.options} failed with code {code}")

    def _demand_shape(
        self, columns: Sequence[Floats], results: Sequence[Floats], edges: Index, rows: int
    ) -> None:
        """The C function trusts its pointers, so nothing that it is given may be out of bounds."""
        shapes = {column.shape for column in (*columns, *results)}
        counts = (len(columns), len(results)) == (self.inputs, self.outputs)
        writable = all(
            result.flags.c_contiguous and result.dtype == np.float64 and result.flags.writeable
            for result in results
        )
        ordered = edges[0] == 0 and edges[-1] == rows and bool(np.all(np.diff(edges) >= 0))
        if not (shapes == {(rows,)} and counts and writable and ordered):
            raise AnalysisError(
                f"TA-Lib's {self.name} takes {self.inputs} columns and gives {self.outputs}, all"
                f" of one length, cut at ascending starts from 0 to {rows}"
            )


@lru_cache(maxsize=256)
def _bound(function: Function) -> tuple["ctypes._NamedFuncPointer", int]:
    """The C function with its types, and how far it looks back."""
    call = _LIBRARY[f"TA_{function.name}"]
    options = [ctypes.c_int if isinstance(o, int) else ctypes.c_double for o in function.options]
    pointers = [ctypes.c_void_p] * (2 + function.outputs)
    inputs = [ctypes.c_void_p] * function.inputs
    call.argtypes = [ctypes.c_int, ctypes.c_int, *inputs, *options, *pointers]
    call.restype = ctypes.c_int
    look = _LIBRARY[f"TA_{function.name}_Lookback"]
    look.argtypes, look.restype = list(options), ctypes.c_int
    lookback = int(look(*function.options))
    if lookback < 0:
        raise AnalysisError(f"TA-Lib's {function.name} does not take {function.options}")
    return call, lookback


def _blank(results: Sequence[Floats], edges: Index, lookback: int) -> None:
    """NaN on the first rows of every symbol."""
    rows = edges[:-1, None] + np.arange(lookback)
    warming = rows[rows < edges[1:, None]]
    for result in results:
        result[warming] = np.nan
