"""The command line from outside: exit codes, streams, and that bad input writes nothing."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from deploy.local import credentials
from deploy.local import home as homes
from deploy.local.home import Home
from pipelines.models.hugging_face import hugging_face
from pipelines.models.provider import Reading
from tests.pipelines.sentiment.models import write_config, write_tokenizer

TRADING = str(Path(sys.executable).parent / "trading")


def trading(home: Path, *words: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "TRADING_HOME": str(home), **variables}
    return subprocess.run(
        [TRADING, *words], env=environment, capture_output=True, text=True, timeout=100, check=False
    )


def test_bad_input_is_one_sentence_and_writes_nothing(tmp_path: Path) -> None:
    done = trading(tmp_path / "home", "run", "--symbols", "AAPL,ZZZZ")
    assert done.returncode == 2
    assert "ZZZZ" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "home").exists()


def test_bad_input_of_json_leaves_stdout_empty(tmp_path: Path) -> None:
    done = trading(tmp_path / "home", "run", "--source", "nowhere", "--json")
    assert (done.returncode, done.stdout) == (2, "")


def test_a_bad_file_is_named_with_row_and_value(tmp_path: Path) -> None:
    file = tmp_path / "prices.csv"
    file.write_text("symbol,date,open,high,low,close,volume\nABC,2012-13-45,1,1,1,1,1\n")
    done = trading(tmp_path / "home", "run", "--source", "files", "--path", str(file))
    assert done.returncode == 2
    assert "prices.csv" in done.stderr
    assert "2012-13-45" in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["status"],
        ["status", "--json"],
        ["down"],
        ["why", "abcdef"],
        ["verify"],
        ["token"],
        ["kill"],
        ["flatten", "sample"],
        ["cancel", "mine"],
        ["limits"],
        ["state"],
        ["cash", "sample", "manual", "5"],
    ],
)
def test_without_a_stack_the_exit_code_is_3(tmp_path: Path, words: list[str]) -> None:
    done = trading(tmp_path / "home", *words)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("fill_id", ["x", "abcde", "../../health", "a" * 33, "abcdef?x=1"])
def test_a_fill_id_that_is_none_is_bad_input(tmp_path: Path, fill_id: str) -> None:
    done = trading(tmp_path / "home", "why", fill_id)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"The fill id is {fill_id!r} and must be 6 to 32 characters")
    assert done.stderr.count("\n") == 1


def test_fresh_with_a_server_elsewhere_is_bad_input_and_writes_nothing(tmp_path: Path) -> None:
    done = trading(tmp_path / "home", "run", "--fresh", NATS_URL="nats://bus:4222")
    assert (done.returncode, done.stdout) == (2, "")
    assert "NATS_URL" in done.stderr
    assert not (tmp_path / "home").exists()


def test_the_help_of_run_names_every_default(tmp_path: Path) -> None:
    shown = " ".join(trading(tmp_path, "run", "--help", COLUMNS="200").stdout.split())
    for default in ("sample", "2012-01-01", "2012-12-31"):
        assert f"[default: {default}]" in shown
    assert "[default: (blend for the sample, technical elsewhere)]" in shown
    assert "[default: (the strategy's name, or the source)]" in shown


def test_an_unknown_option_is_bad_input(tmp_path: Path) -> None:
    assert trading(tmp_path, "run", "--nonsense").returncode == 2


def test_a_bad_port_is_bad_input(tmp_path: Path) -> None:
    done = trading(tmp_path / "home", "up", DAGSTER_PORT="many")
    assert done.returncode == 2
    assert "DAGSTER_PORT is 'many'" in done.stderr


def test_a_folder_of_another_version_has_its_exit_code(tmp_path: Path) -> None:
    (tmp_path / "layout.json").write_text('{"layout": 0}')
    done = trading(tmp_path, "up")
    assert done.returncode == 6
    assert "layout version 0" in done.stderr


def test_the_token_is_all_that_token_prints(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    homes.prepare(home)
    token = credentials.ensure_token(home)
    done = trading(home.root, "token")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{token}\n", "")


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys, deploy.local.cli\n"
        "heavy = {'httpx', 'psutil', 'psycopg', 'dagster', 'pandas', 'grpc'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    words = [sys.executable, "-c", code]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.skipif(find_spec("torch") is not None, reason="torch is installed")
def test_importing_a_model_without_torch_says_what_to_install(tmp_path: Path) -> None:
    done = trading(tmp_path / "home", "model", "import", str(tmp_path), "--to", f"{tmp_path}/new")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "converting needs torch: pip install 'trading-system[train]'\n"
    assert not (tmp_path / "new").exists()


@pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed")
def test_an_imported_model_is_named_on_stdout_and_loads(tmp_path: Path) -> None:
    import torch
    from transformers import AutoConfig, AutoModelForSequenceClassification

    original, new = tmp_path / "original", tmp_path / "new"
    original.mkdir()
    write_config(original)
    write_tokenizer(original)
    config = AutoConfig.from_pretrained(original)
    weights = AutoModelForSequenceClassification.from_config(config).state_dict()
    torch.save(weights, original / "pytorch_model.bin")
    done = trading(tmp_path / "home", "model", "import", str(original), "--to", str(new))
    assert (done.returncode, done.stdout) == (0, f"{new}\n")
    assert hugging_face(str(new)).read([Reading("profit rises")])
    again = trading(tmp_path / "home", "model", "import", str(original), "--to", str(new))
    assert (again.returncode, again.stderr) == (2, f"{new} is not empty\n")
