"""Every error that a pipeline raises on purpose: one sentence each, with the value and its place.

Keep out: handling. The command line turns these into exit codes, Dagster into failed steps.
"""


class PipelineError(Exception):
    """Something that a person can correct; the sentence says what."""


class SourceError(PipelineError):
    """A file or folder of prices cannot be read as it stands."""

    def __init__(self, place: str, problem: str) -> None:
        super().__init__(f"{place}: {problem}")
        self.place = place
        self.problem = problem


class RequestError(PipelineError):
    """What was asked for does not exist: a source, a symbol, a session."""


class StrategyError(PipelineError):
    """A strategy's settings contradict themselves."""


class LakeError(PipelineError):
    """The lake does not hold what a step needs: materialize the step before it."""


class CoreError(PipelineError):
    """The trading core answered with an error, or did not answer."""


class CoreAwayError(CoreError):
    """The trading core did not answer: it may be starting again."""
