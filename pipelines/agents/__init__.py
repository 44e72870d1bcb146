"""The long-running agents: the analyses as processes that answer requests over NATS.

Each serves the very functions that the assets call, so an answer is the same either way. Here is
which agents there are. Keep out: any analysis (analyses/), and how a process serves (service.py).
"""

from pipelines.agents.service import Analysis
from pipelines.agents.settings import Settings

KINDS = ("technical", "news", "sentiment")


def analysis_of(kind: str, settings: Settings) -> Analysis:
    """What the agent of that kind, one of KINDS, serves; nothing heavy is loaded yet."""
    if kind == "technical":
        from pipelines.agents import technical

        return technical.analysis()
    if kind == "news":
        from pipelines.agents import news

        return news.analysis()
    from pipelines.agents import sentiment

    return sentiment.analysis(settings.provider)
