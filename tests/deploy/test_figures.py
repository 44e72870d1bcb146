"""Figures at the end of a run: seconds by asset."""

from deploy.local.dagster_api import Step
from deploy.local.figures import stages_of
from deploy.local.report import Stage


def test_an_asset_of_several_steps_is_one_stage() -> None:
    steps = [
        Step("bars", "SUCCESS", 1.5),
        Step("technical.technical_shards", "SUCCESS", 0.25),
        Step("technical.technical_table", "SUCCESS", 2.0),
        Step("signals", "IN_PROGRESS", None),
    ]
    expected = [Stage("bars", 1.5), Stage("technical", 2.25), Stage("signals", None)]
    assert stages_of(steps) == expected
