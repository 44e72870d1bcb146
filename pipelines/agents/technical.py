"""The technical agent: bars in, indicators and scores with their reasons out.

Keep out: indicators and scores themselves (analyses/technical.py).
"""

import pandas as pd

from pipelines.agents import wire
from pipelines.agents.service import Analysis, Prepared
from pipelines.analyses.technical import reasons, technical

NAME = "technical-analysis"


def analysis() -> Analysis:
    """What the agent serves."""
    return Analysis(
        name=NAME,
        description="Indicators of daily bars, their scores in [-1, 1] and the reasons.",
        request=wire.TechnicalRequest,
        reply=wire.TechnicalReply,
        prepare=lambda: Prepared(answer),
    )


def answer(request: wire.TechnicalRequest) -> wire.TechnicalReply:
    """The rows of the last sessions that have a bar, of every symbol that has one then."""
    bars = _frame(request.bars)
    found = technical(bars, _frame(request.actions))
    sessions = found["session"].drop_duplicates().sort_values().tail(request.sessions)
    rows = found[found["session"].isin(sessions)]
    numbers = rows.drop(columns=["symbol", "session"])
    return wire.TechnicalReply(
        symbol=rows["symbol"].tolist(),
        session=[moment.date() for moment in rows["session"]],
        columns={str(name): numbers[name].tolist() for name in numbers},
        reasons=[list(row) for row in reasons(rows)],
    )


def _frame(columns: wire.BarColumns | wire.ActionColumns) -> pd.DataFrame:
    frame = pd.DataFrame({name: getattr(columns, name) for name in columns.__struct_fields__})
    numbers = [name for name in frame if name not in {"symbol", "session"}]
    typed = frame.astype(
        {"symbol": "str", "session": "datetime64[us]"} | dict.fromkeys(numbers, "float64")
    )
    return typed.sort_values(["symbol", "session"], kind="stable", ignore_index=True)
