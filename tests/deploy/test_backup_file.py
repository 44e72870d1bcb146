"""The file of a backup: what was packed comes out, and nothing else does."""

import gzip
import hashlib
import io
import random
import stat
import tarfile
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from deploy.local import backup_file
from deploy.local.backup_file import BackedUpAccount, BadBackupError, Manifest, Member
from deploy.local.errors import BadInputError

FILES = {
    "databases/trading_system.dump": random.Random(1).randbytes(30_000),
    "heads/sample.jsonl": b'{"seq":1}\n' * 40,
    "lake/bars/sample/2012.parquet": random.Random(2).randbytes(9_000),
    "lake/empty": b"",
}
NAMES = ["manifest.json", "manifest.sha256", *FILES, "its end"]
ACCOUNT = BackedUpAccount("sample", "replay", 7, "aa", "bb")


def manifest(*members: Member) -> Manifest:
    return Manifest(
        made_at=datetime(2012, 1, 2, tzinfo=UTC),
        layout=1,
        postgres=18,
        versions={"dagster": "1"},
        lake_url=None,
        accounts=(ACCOUNT,),
        members=members,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "packed"
    for name, content in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture(params=backup_file.SUFFIXES)
def made(request: pytest.FixtureRequest, folder: Path, tmp_path: Path) -> Path:
    target = tmp_path / f"backup{request.param}"
    backup_file.pack(target, folder, manifest())
    return target


def test_what_was_packed_comes_out(made: Path, tmp_path: Path) -> None:
    found = backup_file.unpack(made, tmp_path / "out")
    out = tmp_path / "out"
    assert {str(p.relative_to(out)): p.read_bytes() for p in out.rglob("*") if p.is_file()} == FILES
    assert [member.name for member in found.members] == list(FILES)
    assert (found.accounts, found.made_at) == ((ACCOUNT,), manifest().made_at)


def test_only_the_owner_may_read_it_and_nothing_half_written_stays(
    made: Path, tmp_path: Path
) -> None:
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    assert sorted(p.name for p in tmp_path.iterdir()) == [made.name, "packed"]


def test_an_existing_file_is_never_replaced(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "backup.tar.gz"
    target.write_text("mine")
    with pytest.raises(FileExistsError):
        backup_file.pack(target, folder, manifest())
    assert target.read_text() == "mine"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["backup.tar.gz", "packed"]


def test_a_changed_byte_is_refused_and_its_member_named(made: Path, tmp_path: Path) -> None:
    """A few bits of a compressed file mean nothing, such as gzip's time: then all is as it was."""
    whole, refused = made.read_bytes(), 0
    for n, at in enumerate(random.Random(3).sample(range(len(whole)), 200)):
        made.write_bytes(whole[:at] + bytes([whole[at] ^ (1 << n % 8)]) + whole[at + 1 :])
        out = tmp_path / f"out{n}"
        sentence = refusal(made, out)
        if sentence:
            refused += 1
            assert any(f"was refused at {name}: " in sentence for name in NAMES)
        else:
            assert all((out / name).read_bytes() == FILES[name] for name in FILES)
    assert refused > 190


@pytest.mark.parametrize("name", FILES)
def test_a_changed_member_is_named(folder: Path, tmp_path: Path, name: str) -> None:
    """Whoever repacks the file with another byte in a member must know its digest."""
    target = tmp_path / "backup.tar.gz"
    backup_file.pack(target, folder, manifest())
    members = contents(target)
    members[name] = (bytes([members[name][0] ^ 1]) if members[name] else b"x") + members[name][1:]
    repack(target, members)
    with pytest.raises(BadBackupError, match=f"was refused at {name}: it was changed"):
        backup_file.unpack(target, tmp_path / "out")


@pytest.mark.parametrize("name", FILES)
def test_a_missing_member_is_named(folder: Path, tmp_path: Path, name: str) -> None:
    target = tmp_path / "backup.tar.gz"
    backup_file.pack(target, folder, manifest())
    members = contents(target)
    del members[name]
    repack(target, members)
    with pytest.raises(BadBackupError, match=f"was refused at {name}: "):
        backup_file.unpack(target, tmp_path / "out")


def test_a_member_that_the_manifest_does_not_list_is_refused(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "backup.tar.gz"
    backup_file.pack(target, folder, manifest())
    repack(target, contents(target) | {"lake/more": b"x"})
    with pytest.raises(BadBackupError, match="it holds more than its manifest lists"):
        backup_file.unpack(target, tmp_path / "out")


def test_the_checksum_at_the_very_end_is_read(folder: Path, tmp_path: Path) -> None:
    """Its eight bytes come last; what they cover is whole, and the file still not as it was."""
    target = tmp_path / "backup.tar.gz"
    backup_file.pack(target, folder, manifest())
    whole = target.read_bytes()
    target.write_bytes(whole[:-8] + bytes([whole[-8] ^ 1]) + whole[-7:])
    with pytest.raises(BadBackupError, match="was refused at its end: "):
        backup_file.unpack(target, tmp_path / "out")


def test_every_cut_is_refused(made: Path, tmp_path: Path) -> None:
    whole = made.read_bytes()
    for n, end in enumerate(range(0, len(whole), 397)):
        made.write_bytes(whole[:end])
        with pytest.raises(BadBackupError):
            backup_file.unpack(made, tmp_path / f"out{n}")


@pytest.mark.parametrize("name", ["../outside", "/outside", "a/../../outside"])
def test_a_name_that_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    target = tmp_path / "backup.tar.gz"
    listed = manifest(Member(name, 1, hashlib.sha256(b"x").hexdigest()))
    text = msgspec.json.encode(listed)
    digest = hashlib.sha256(text).hexdigest().encode() + b"\n"
    repack(target, {"manifest.json": text, "manifest.sha256": digest, name: b"x"})
    with pytest.raises(BadBackupError, match="its name leads elsewhere"):
        backup_file.unpack(target, tmp_path / "out" / "deep")
    assert not (tmp_path / "outside").exists()


def test_a_format_of_another_version_is_refused(tmp_path: Path) -> None:
    target = tmp_path / "backup.tar.gz"
    text = b'{"format": 2}'
    digest = hashlib.sha256(text).hexdigest().encode() + b"\n"
    repack(target, {"manifest.json": text, "manifest.sha256": digest})
    with pytest.raises(BadBackupError, match="another version"):
        backup_file.unpack(target, tmp_path / "out")


def test_what_is_no_backup_is_one_sentence(tmp_path: Path) -> None:
    for name in ("some.tar.gz", "some.tar.zst"):
        (tmp_path / name).write_text("a shopping list")
        with pytest.raises(BadBackupError):
            backup_file.unpack(tmp_path / name, tmp_path / "out")
    with pytest.raises(BadInputError, match="does not exist"):
        backup_file.unpack(tmp_path / "none.tar.gz", tmp_path / "out")
    with pytest.raises(BadInputError, match=r"must end in \.tar\.gz or \.tar\.zst"):
        backup_file.unpack(tmp_path / "some.zip", tmp_path / "out")


def refusal(source: Path, out: Path) -> str | None:
    try:
        backup_file.unpack(source, out)
    except BadBackupError as error:
        return str(error)
    return None


def contents(source: Path) -> dict[str, bytes]:
    with tarfile.open(source) as tar:
        return {each.name: tar.extractfile(each).read() for each in tar}  # type: ignore[union-attr]


def repack(target: Path, members: dict[str, bytes]) -> None:
    """The tar of somebody else, with a checksum that fits."""
    with gzip.open(target, "wb") as file, tarfile.open(fileobj=file, mode="w|") as tar:
        for name, content in members.items():
            header = tarfile.TarInfo(name)
            header.size = len(content)
            tar.addfile(header, io.BytesIO(content))
