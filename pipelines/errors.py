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


class PassingError(SourceError):
    """A provider cannot give it now, and may later: the same run may be tried again."""


class ProviderAwayError(PassingError):
    """A provider does not answer, or not so often: what came before is stored."""


class LateDataError(PassingError):
    """A provider has no bar yet of a session that has ended."""


class BrokenPagesError(PassingError):
    """A provider's answer ended before its last page: what came is stored."""


class EmptyAnswerError(SourceError):
    """A provider has no bar at all of a symbol over a range where there should be some."""


class SchemaChangedError(SourceError):
    """A provider's answer has another form than this version reads: nothing of it is used."""


class CredentialsError(SourceError):
    """A provider refuses the key, or there is none."""


class RequestError(PipelineError):
    """What was asked for does not exist: a source, a symbol, a session."""


class UnconfiguredError(RequestError):
    """A file of settings says nothing about what is to run by the clock: the sentence says what."""


class AnalysisError(PipelineError):
    """An analysis was asked for what it cannot give: an unknown indicator, or bars out of order."""


class StrategyError(PipelineError):
    """A strategy's settings contradict themselves."""


class ModelError(PipelineError):
    """A language model is missing, unsafe to load, or not one that sorts texts by sentiment."""


class AgentError(PipelineError):
    """An agent cannot serve, or cannot go on."""


class AgentPortError(AgentError):
    """An agent cannot listen on its port: choose another, or end what listens there."""


class LakeError(PipelineError):
    """The lake does not hold what a step needs: materialize the step before it."""


class CoreError(PipelineError):
    """The trading core answered with an error, or did not answer."""


class CoreAwayError(CoreError):
    """The trading core did not answer: it may be starting again."""
