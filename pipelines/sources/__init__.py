"""Where prices come from: one file per provider, and the one place that knows them by name.

To add a provider, write a class with the members of base.Source and name it here.
Keep out: judging rows (analyses/bars.py) and storing them (lake.py).
"""

from pipelines.errors import RequestError
from pipelines.sources.base import History, Source

NAMES = ("sample", "files")


def open_source(name: str, path: str = "") -> Source:
    """The source of that name; `path` is where `files` reads."""
    from pipelines.sources.files import FilesSource
    from pipelines.sources.sample import SampleSource

    if name == "sample":
        return SampleSource()
    if name == "files":
        if not path:
            raise RequestError("the source 'files' needs a path to a file or a folder")
        return FilesSource(path)
    raise RequestError(f"there is no source {name!r}; choose one of: {', '.join(NAMES)}")


__all__ = ["NAMES", "History", "Source", "open_source"]
