"""Your own prices: a CSV or Parquet file, or a folder of them.

Belongs here: finding the files, their column names, and turning text into numbers and days.
Keep out: judging the values (analyses/bars.py). What cannot be read at all raises SourceError with
the file, the line and the value; an empty price is no such case and passes as NaN.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from pipelines.errors import SourceError
from pipelines.sources.base import (
    ACTION_COLUMNS,
    BAR_COLUMNS,
    PRICES,
    History,
    no_actions,
    select_symbols,
)

ALIASES = {
    "ticker": "symbol",
    "stock": "symbol",
    "session": "date",
    "exdividend": "dividend",
    "dividends": "dividend",
    "splitratio": "split",
    "splits": "split",
}
SYMBOL = r"[A-Z0-9][A-Z0-9._-]{0,15}"
LARGEST = 1e12
"""No price, volume or amount of a share is as large; such a figure is a broken file."""


class FilesSource:
    """Every *.csv, *.csv.gz and *.parquet of a folder, or one such file."""

    name = "files"

    def __init__(self, path: str) -> None:
        self.path = Path(path).expanduser().absolute()

    @property
    def dataset(self) -> str:
        """Tables of different paths never mix."""
        return f"files-{hashlib.sha256(str(self.path).encode()).hexdigest()[:12]}"

    def history(self, symbols: Sequence[str] | None = None) -> History:
        """All rows of all files; raises SourceError at the first that cannot be read."""
        parts = [_read(file) for file in self._files()]
        bars = pd.concat([part.bars for part in parts], ignore_index=True)
        if bars.empty:
            raise SourceError(str(self.path), "there is not one row in it")
        actions = pd.concat([part.actions for part in parts], ignore_index=True)
        history = History(
            bars.sort_values(["symbol", "session"], kind="stable", ignore_index=True),
            actions.sort_values(["symbol", "session"], kind="stable", ignore_index=True),
            tuple(notice for part in parts for notice in part.notices),
        )
        return select_symbols(history, symbols, str(self.path))

    def _files(self) -> list[Path]:
        if self.path.is_file():
            return [self.path]
        if not self.path.is_dir():
            raise SourceError(str(self.path), "there is no such file or folder")
        found = sorted(file for file in self.path.iterdir() if _kind(file))
        if not found:
            raise SourceError(str(self.path), "the folder holds no .csv, .csv.gz or .parquet file")
        return found


def _kind(file: Path) -> str:
    name = file.name.lower()
    endings = {".csv": "csv", ".csv.gz": "csv", ".parquet": "parquet"}
    return next((kind for ending, kind in endings.items() if name.endswith(ending)), "")


def _read(file: Path) -> History:
    table = _Table(file)
    bars = pd.DataFrame({"symbol": table.symbols(), "session": table.sessions()})
    for column in [*PRICES, "volume"]:
        bars[column] = table.numbers(column)
    return History(bars[BAR_COLUMNS], table.actions(bars), table.notices())


class _Table:
    """One file as it stands, and how to call a row of it."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.is_csv = _kind(file) != "parquet"
        self.raw = _load(file, is_csv=self.is_csv)
        self.raw.columns = pd.Index([_canonical(str(name)) for name in self.raw.columns])
        self._require_columns()
        if self.is_csv:
            self.raw = self.raw[(self.raw != "").any(axis=1)]

    def _require_columns(self) -> None:
        for column in ["date", *PRICES, "volume"]:
            if column not in self.raw.columns:
                raise SourceError(str(self.file), f"the column {column!r} is missing")
        names = self.raw.columns
        if names.has_duplicates:
            raise SourceError(str(self.file), f"two columns are {names[names.duplicated()][0]!r}")

    def fail(self, position: int, problem: str) -> SourceError:
        """An error that names the line of the CSV file (the header is 1) or the row."""
        index = int(self.raw.index[position])
        row = f"line {index + 2}" if self.is_csv else f"row {index + 1}"
        return SourceError(f"{self.file}, {row}", problem)

    def symbols(self) -> pd.Series:
        """The symbol column, or the file's name where there is none; upper case."""
        if "symbol" not in self.raw.columns:
            name = self.file.name.split(".")[0]
            symbols = pd.Series(name, index=self.raw.index, dtype="str")
        else:
            symbols = self.raw["symbol"].astype("str").fillna("")
        symbols = symbols.str.strip().str.upper()
        bad = np.flatnonzero(~symbols.str.fullmatch(SYMBOL).to_numpy(dtype=bool))
        if bad.size:
            raise self.fail(int(bad[0]), f"{symbols.iloc[bad[0]]!r} is no symbol")
        return symbols

    def sessions(self) -> pd.Series:
        """The date column as naive midnights."""
        raw = self.raw["date"]
        if not pd.api.types.is_datetime64_any_dtype(raw):
            raw = raw.astype("str").str.strip()
        days = pd.to_datetime(raw, errors="coerce", format="ISO8601", utc=True)
        years = days.dt.year
        bad = np.flatnonzero((days.isna() | (years < 1800) | (years > 2200)).to_numpy())
        if bad.size:
            value = str(raw.iloc[bad[0]])
            raise self.fail(int(bad[0]), f"date {value!r} is not a date such as 2012-05-18")
        return days.dt.tz_localize(None).dt.normalize().astype("datetime64[us]")

    def numbers(self, column: str) -> pd.Series:
        """A column as float64; an empty cell is NaN, anything else must be a plain number."""
        raw = self.raw[column]
        values = pd.to_numeric(raw, errors="coerce").astype("float64")
        empty = raw.isna() | raw.astype("str").str.strip().str.lower().isin(["", "nan", "null"])
        broken = (values.isna() & ~empty) | (values.abs() >= LARGEST)
        bad = np.flatnonzero(broken.to_numpy(dtype=bool))
        if bad.size:
            problem = f"{column} {str(raw.iloc[bad[0]])!r} is not a finite number"
            raise self.fail(int(bad[0]), problem)
        return values

    def actions(self, bars: pd.DataFrame) -> pd.DataFrame:
        """Rows with a split or a dividend; 0 and 1 both mean that nothing was split."""
        if not {"split", "dividend"} & set(self.raw.columns):
            return no_actions()
        found = bars[["symbol", "session"]].copy()
        found["split"] = self._action("split", 1.0).replace(0.0, 1.0)
        found["dividend"] = self._action("dividend", 0.0)
        kept = (found["split"] != 1.0) | (found["dividend"] != 0.0)
        return found.loc[kept, ACTION_COLUMNS].reset_index(drop=True)

    def _action(self, column: str, neutral: float) -> pd.Series:
        if column not in self.raw.columns:
            return pd.Series(neutral, index=self.raw.index, dtype="float64")
        values = self.numbers(column).fillna(neutral)
        bad = np.flatnonzero((values < 0).to_numpy())
        if bad.size:
            raise self.fail(int(bad[0]), f"{column} {values.iloc[bad[0]]} is negative")
        return values

    def notices(self) -> tuple[str, ...]:
        """What this file holds and nobody reads."""
        unused = [name for name in self.raw.columns if name.startswith("adj")]
        if not unused:
            return ()
        why = "adjusted prices know later splits; dated splits and dividends are used instead"
        return (f"{self.file.name}: {', '.join(unused)} not used: {why}",)


def _load(file: Path, *, is_csv: bool) -> pd.DataFrame:
    try:
        if is_csv:
            # Every cell as text: what is not a number must be shown as it stands.
            return pd.read_csv(file, dtype="str", keep_default_na=False, skip_blank_lines=False)
        return pd.read_parquet(file).reset_index(drop=True)
    except (OSError, ValueError, EOFError) as error:  # parser, encoding and Arrow errors are these
        said = getattr(error, "strerror", None) or str(error)  # the former leaves out the path
        reason = " ".join(said.split())[:200]
        raise SourceError(str(file), f"it cannot be read ({reason})") from error


def _canonical(name: str) -> str:
    plain = "".join(character for character in name.lower() if character.isalnum())
    return ALIASES.get(plain, plain)
