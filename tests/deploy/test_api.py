"""The clients of the trading core and of Dagster over real HTTP, and what status makes of them."""

from pathlib import Path

import pytest

from deploy.local import home as homes
from deploy.local import stackfile, status
from deploy.local.api import Core, UnknownError
from deploy.local.dagster_api import Dagster, UnreachableError, settle_lost_runs
from deploy.local.errors import BadInputError, DeployError, NotRunningError
from deploy.local.home import Home
from deploy.local.processes import Identity
from deploy.local.stackfile import ChildRecord, StackRecord
from tests.deploy import fakes
from tests.deploy.fakes import FakeCore, FakeDagster
from tests.deploy.test_summary import text_of

NOBODY = "http://127.0.0.1:9"


def test_an_unknown_account_is_the_cores_sentence(core: Core, fake_core: FakeCore) -> None:
    del fake_core.answers["GET /api/v1/account"]
    with pytest.raises(UnknownError, match="there is nothing at /api/v1/account") as caught:
        core.account("nobody")
    assert caught.value.exit_code == 2


def test_an_id_cannot_leave_its_place_in_the_path(core: Core, fake_core: FakeCore) -> None:
    with pytest.raises(UnknownError):
        core.why("../account?account=sample#")
    assert fake_core.asked[0][0].startswith("GET /api/v1/why/..%2Faccount%3F")


def test_an_answer_that_is_no_json_is_one_sentence(core: Core, fake_core: FakeCore) -> None:
    fake_core.answers["GET /api/v1/accounts"] = b"<html>another program</html>"
    with pytest.raises(DeployError, match="is not the trading core"):
        core.accounts()


def test_a_refusal_without_a_sentence_names_its_status(core: Core, fake_core: FakeCore) -> None:
    fake_core.answers["GET /api/v1/accounts"], fake_core.status = [1], 500
    with pytest.raises(DeployError, match="answered 500 to /api/v1/accounts"):
        core.accounts()


def test_a_core_that_is_gone_is_one_sentence(token_file: Path) -> None:
    core = Core(NOBODY, token_file)
    assert not core.is_ready()
    with pytest.raises(DeployError, match=f"at {NOBODY} does not answer"):
        core.accounts()


def test_without_a_token_nothing_runs(tmp_path: Path) -> None:
    with pytest.raises(NotRunningError, match="api-token does not exist"):
        Core(NOBODY, tmp_path / "api-token")


def test_a_webserver_that_is_gone_is_unreachable() -> None:
    with pytest.raises(UnreachableError, match="does not answer"):
        Dagster(NOBODY).state("run-1")
    assert "could not be looked up" in (settle_lost_runs(NOBODY, 0.0) or "")


def test_a_request_that_the_job_refuses_is_bad_input(
    dagster: Dagster, fake_dagster: FakeDagster
) -> None:
    said = [{"message": "unexpected key"}]
    fake_dagster.launches = [{"__typename": "RunConfigValidationInvalid", "errors": said}]
    with pytest.raises(BadInputError, match="replay_job refused the request: unexpected key"):
        dagster.launch("replay_job", {}, {})


def partly_dead(home: Home, core_url: str) -> StackRecord:
    children = (
        ChildRecord("postgres", "ready", 0, Identity(2**22 + 1, 1.0, "postgres")),
        ChildRecord("trading-core", "waiting"),
    )
    me = Identity(1, 1.0, "trading")
    return StackRecord(me, stackfile.STARTING, core_url, NOBODY, {}, {}, children)


@pytest.mark.parametrize("with_token", [True, False])
def test_status_of_a_stack_that_is_starting_or_partly_dead(
    tmp_path: Path, *, with_token: bool
) -> None:
    home = Home(tmp_path / "home")
    homes.prepare(home)
    if with_token:
        home.token_file.write_text("secret")
    state = status.gather(home, partly_dead(home, NOBODY))
    text = text_of(status.render(state))
    assert "Stack: starting, the trading core is not ready" in text
    assert "waiting" in text
    assert state["accounts"] == []


@pytest.mark.parametrize("answer", [b"<html>", [fakes.KNOWN]])
def test_status_shows_what_the_core_says_and_survives_what_it_does_not(
    core: Core, fake_core: FakeCore, token_file: Path, answer: object
) -> None:
    fake_core.answers["GET /api/v1/accounts"] = answer
    home = Home(token_file.parent)
    state = status.gather(home, partly_dead(home, core.url))
    shown = "100,000.00 USD, no session yet" in text_of(status.render(state))
    assert shown == isinstance(answer, list)
