"""About a hundred public events of AAPL, FB, GOOG, IBM and MSFT in 2011 and 2012.

Each line of news_sample.jsonl is a summary of one or two sentences in this project's own words,
with the day of the event and the hour at which it became public as far as that is on record: a
release after the close stands after 20:00 UTC (21:00 in winter), one before the open before 13:00.
The summaries are marked as such by their source, and no address is claimed for them.
Keep out: anything from another text.
"""

from datetime import datetime
from importlib.resources import as_file, files

from pipelines.errors import SourceError
from pipelines.sources.news.base import Article, Harvest, Memory, Notice
from pipelines.sources.news.folder import read_lines


class SampleNews:
    """The packaged summaries; their source is "summary"."""

    name = "summary"

    def harvest(self, memory: Memory, now: datetime) -> Harvest:  # noqa: ARG002 - an archive
        """Every summary that `memory` does not know."""
        with as_file(files("pipelines.sources.news").joinpath("news_sample.jsonl")) as file:
            found = list(read_lines(file, self.name))
        for line in found:
            if isinstance(line, Notice):
                raise SourceError(line.place, line.reason)
        articles = [line for line in found if isinstance(line, Article)]
        fresh = [line for line in articles if line.article_id not in memory.articles]
        return Harvest(fresh, [], memory.with_articles(fresh))
