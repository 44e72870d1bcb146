"""A small client of the Dagster webserver's GraphQL.

Belongs here: the queries that the command line needs, and reading their answers.
Keep out: importing Dagster (it takes seconds), progress, printing.
"""

from dataclasses import dataclass
from typing import Any

import httpx

from deploy.local.errors import BadInputError, DeployError

TIMEOUT_S = 30.0
CANCEL_TIMEOUT_S = 10.0
"""Somebody pressed Ctrl-C and waits."""

REPOSITORY = "__repository__"
CODE_SERVER_SILENT = "DagsterUserCodeUnreachableError"

LAUNCH = """
mutation Launch($params: ExecutionParams!) {
  launchRun(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on RunConfigValidationInvalid { errors { message } }
    ... on Error { message }
  }
}
"""

RUN = """
query Run($id: ID!) {
  runOrError(runId: $id) {
    __typename
    ... on Run {
      status startTime endTime
      stepStats { stepKey status startTime endTime }
    }
    ... on Error { message }
  }
}
"""

EVENTS = """
query Events($id: ID!, $after: String) {
  runOrError(runId: $id) {
    __typename
    ... on Run {
      eventConnection(afterCursor: $after, limit: 1000) {
        cursor hasMore
        events {
          __typename
          ... on ExecutionStepFailureEvent { stepKey error { ...Chain } }
          ... on RunFailureEvent { message error { ...Chain } }
        }
      }
    }
  }
}
fragment Chain on PythonError {
  message className
  causes { message className }
}
"""

UNFINISHED = """
query Unfinished {
  runsOrError(filter: {statuses: [STARTING, STARTED, CANCELING]}, limit: 200) {
    ... on Runs { results { runId updateTime } }
  }
}
"""

CANCEL = """
mutation Cancel($ids: [String!]!, $policy: TerminateRunPolicy!) {
  terminateRuns(runIds: $ids, terminatePolicy: $policy) {
    __typename
    ... on TerminateRunsResult {
      terminateRunResults {
        __typename
        ... on TerminateRunFailure { message }
        ... on Error { message }
      }
    }
    ... on Error { message }
  }
}
"""
LET_IT_STOP = "SAFE_TERMINATE"
MARK_ALONE = "MARK_AS_CANCELED_IMMEDIATELY"
"""For runs whose process is gone: nobody is asked to stop."""


class UnreachableError(DeployError):
    """The webserver or something behind it did not answer; it may be starting again."""


class CodeServerUnreachableError(UnreachableError):
    """The webserver answers but the code server behind it does not: nothing was started."""


@dataclass(frozen=True)
class Step:
    """One step of a run and how long it took."""

    name: str
    status: str
    seconds: float | None


@dataclass(frozen=True)
class RunState:
    """Where a run stands."""

    status: str
    steps: tuple[Step, ...] = ()
    seconds: float | None = None

    @property
    def finished(self) -> bool:
        """Whether nothing more will happen."""
        return self.status in {"SUCCESS", "FAILURE", "CANCELED"}


class Dagster:
    """The webserver at one address."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._client = httpx.Client(base_url=url, timeout=TIMEOUT_S)

    def run_url(self, run_id: str) -> str:
        """Where a person looks at a run."""
        return f"{self.url}/runs/{run_id}"

    def launch(self, job: str, config: dict[str, Any], tags: dict[str, str]) -> str:
        """Ask for a run of a job and return its id."""
        selector = {
            "repositoryLocationName": "pipelines",
            "repositoryName": REPOSITORY,
            "jobName": job,
        }
        listed = [{"key": key, "value": value} for key, value in tags.items()]
        params = {
            "selector": selector,
            "runConfigData": config,
            "executionMetadata": {"tags": listed},
        }
        answer = self._ask(LAUNCH, {"params": params})["launchRun"]
        if answer["__typename"] == "LaunchRunSuccess":
            return str(answer["run"]["runId"])
        raise _refusal(answer, job)

    def state(self, run_id: str) -> RunState:
        """The status of a run and of its steps."""
        run = self._ask(RUN, {"id": run_id})["runOrError"]
        if run["__typename"] != "Run":
            raise DeployError(f"Dagster does not know run {run_id}: {run.get('message')}")
        steps = tuple(_step(each) for each in run["stepStats"])
        return RunState(run["status"], steps, _seconds(run["startTime"], run["endTime"]))

    def failure(self, run_id: str) -> str:
        """Why a run failed: the step and the innermost message."""
        after, found = None, ""
        while True:
            page = self._ask(EVENTS, {"id": run_id, "after": after})["runOrError"]
            if page["__typename"] != "Run":
                return found
            connection = page["eventConnection"]
            for event in connection["events"]:
                found = _reason(event) or found
                if event["__typename"] == "ExecutionStepFailureEvent":
                    return found
            if not connection["hasMore"]:
                return found
            after = connection["cursor"]

    def cancel_lost(self, before_s: float) -> list[str]:
        """Mark runs canceled that nothing has moved since `before_s`; returns their ids."""
        runs = self._ask(UNFINISHED, {})["runsOrError"].get("results", [])
        lost = [each["runId"] for each in runs if (each["updateTime"] or 0) < before_s]
        if lost:
            self._ask(CANCEL, {"ids": lost, "policy": MARK_ALONE})
        return lost

    def cancel(self, run_id: str) -> None:
        """Tell a run to stop; raises DeployError when that could not be done."""
        variables = {"ids": [run_id], "policy": LET_IT_STOP}
        answer = self._ask(CANCEL, variables, CANCEL_TIMEOUT_S)["terminateRuns"]
        for each in answer.get("terminateRunResults") or [answer]:
            if each["__typename"] != "TerminateRunSuccess":
                said = each.get("message") or each["__typename"]
                raise DeployError(f"Dagster did not cancel run {run_id}: {said}")

    def _ask(
        self, query: str, variables: dict[str, Any], timeout_s: float = TIMEOUT_S
    ) -> dict[str, Any]:
        asked = {"query": query, "variables": variables}
        try:
            answer = self._client.post("/graphql", json=asked, timeout=timeout_s)
            body = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise UnreachableError(f"Dagster at {self.url} does not answer: {error}") from error
        if body.get("errors"):
            said = str(body["errors"][0]["message"]).splitlines()[0]
            raise UnreachableError(f"Dagster at {self.url} cannot answer: {said}")
        return dict(body["data"])


def settle_lost_runs(url: str, code_started_at_s: float) -> str | None:
    """Close runs whose worker died with an earlier code server; a sentence if there were any.

    They would hold their places in the queue and their pool slots for ever.
    """
    try:
        lost = Dagster(url).cancel_lost(code_started_at_s)
    except DeployError as error:
        return f"Runs of an earlier stack could not be looked up: {error}"
    return f"Marked as canceled, their process is gone: run {', '.join(lost)}." if lost else None


def _refusal(answer: dict[str, Any], job: str) -> DeployError:
    if answer["__typename"] == "RunConfigValidationInvalid":
        return BadInputError(f"{job} refused the request: {answer['errors'][0]['message']}")
    said = answer.get("message") or answer["__typename"]
    sentence = f"Dagster did not start {job}: {said}"
    if answer["__typename"] == "PipelineNotFoundError" or CODE_SERVER_SILENT in said:
        return CodeServerUnreachableError(sentence)
    return DeployError(sentence)


def _step(stats: dict[str, Any]) -> Step:
    seconds = _seconds(stats["startTime"], stats["endTime"])
    return Step(stats["stepKey"], stats["status"] or "", seconds)


def _seconds(start: float | None, end: float | None) -> float | None:
    return end - start if start is not None and end is not None else None


def _reason(event: dict[str, Any]) -> str:
    error = event.get("error")
    if not error:
        return str(event.get("message") or "")
    innermost = (error.get("causes") or [error])[-1]
    step = event.get("stepKey")
    text = " ".join(str(innermost["message"]).split())
    return f"step {step}: {text}" if step else text
