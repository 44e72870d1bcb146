"""The file of a backup: a compressed tar whose first member lists all others with their digests.

    manifest.json, manifest.sha256, databases/*.dump, heads/*.jsonl, lake/**

Belongs here: packing a folder into it, and unpacking one only where every byte is as it was packed.
Keep out: what is backed up (backup.py) and what is done with it (restore.py).
"""

import gzip
import hashlib
import io
import os
import tarfile
import zlib
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

import msgspec

from deploy.local.errors import BadInputError

FORMAT = 1
SUFFIXES = (".tar.gz", ".tar.zst")
MANIFEST = "manifest.json"
DIGEST = "manifest.sha256"
LONGEST_MANIFEST = 1 << 26
BYTES_AT_ONCE = 1 << 20
QUICK = 1
"""Dumps and Parquet are compressed already."""


class BadBackupError(BadInputError):
    """The file is no backup of ours, or not as it was made; nothing was restored."""


class Member(msgspec.Struct, frozen=True):
    """One file of the backup; `size` in bytes."""

    name: str
    size: int
    sha256: str


class BackedUpAccount(msgspec.Struct, frozen=True):
    """Where an account's journal ended; hashes in hex."""

    account: str
    mode: str
    seq: int
    chain_hash: str
    decision_hash: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup holds; `lake_url` names a lake elsewhere, which it does not hold."""

    format: int = FORMAT
    made_at: datetime
    layout: int
    postgres: int
    versions: dict[str, str]
    lake_url: str | None
    accounts: tuple[BackedUpAccount, ...]
    members: tuple[Member, ...] = ()


def require_name(target: Path) -> None:
    """Refuse a name that says no known compression; raises BadInputError."""
    if not target.name.endswith(SUFFIXES):
        raise BadInputError(f"{target} must end in {' or '.join(SUFFIXES)}.")


def pack(target: Path, folder: Path, manifest: Manifest) -> Manifest:
    """Write every file below `folder` to `target`, readable by its owner alone, in one step.

    The files must not change meanwhile. Returns the manifest with its members.
    """
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    members = tuple(_member(folder, name) for name in names)
    manifest = msgspec.structs.replace(manifest, members=members)
    partial = target.with_name(f"{target.name}.{os.getpid()}.partial")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with _compressing(partial, target.suffix) as stream, _tar(stream) as tar:
            _add_manifest(tar, manifest)
            for member in members:
                with (folder / member.name).open("rb") as content:
                    tar.addfile(_header(member.name, member.size), content)
        os.fsync(descriptor)
        os.link(partial, target)  # unlike a rename this replaces nothing
    finally:
        os.close(descriptor)
        partial.unlink()
    return manifest


def unpack(source: Path, folder: Path) -> Manifest:
    """Write the members below `folder`; raises BadBackupError naming the first that is wrong."""
    require_name(source)
    at = MANIFEST
    try:
        with _decompressing(source) as stream:
            with tarfile.open(fileobj=stream, mode="r|") as tar:
                manifest = _read_manifest(tar)
                for member in manifest.members:
                    at = member.name
                    _extract(tar, member, folder)
                at = "its end"
                _require_end(tar)
            while stream.read(BYTES_AT_ONCE):
                pass  # the compression's own checksum stands at the very end
    except BadBackupError as error:
        raise BadBackupError(f"{source} was refused at {at}: {error}.") from error
    except FileNotFoundError as error:
        raise BadInputError(f"{source} does not exist.") from error
    except (OSError, EOFError, ValueError, zlib.error, tarfile.TarError) as error:
        raise BadBackupError(f"{source} was refused at {at}: it cannot be read: {error}") from error
    return manifest


def _member(folder: Path, name: str) -> Member:
    with (folder / name).open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return Member(name, file.tell(), digest)


def _add_manifest(tar: tarfile.TarFile, manifest: Manifest) -> None:
    text = msgspec.json.format(msgspec.json.encode(manifest)) + b"\n"
    digest = hashlib.sha256(text).hexdigest().encode() + b"\n"
    for name, content in ((MANIFEST, text), (DIGEST, digest)):
        tar.addfile(_header(name, len(content)), io.BytesIO(content))


def _read_manifest(tar: tarfile.TarFile) -> Manifest:
    text, digest = _content(tar, MANIFEST), _content(tar, DIGEST)
    if hashlib.sha256(text).hexdigest().encode() + b"\n" != digest:
        raise BadBackupError("it was changed")
    try:
        if msgspec.json.decode(text, type=dict[str, Any]).get("format") != FORMAT:
            raise BadBackupError("another version of this program made it: restore it with that")
        return msgspec.json.decode(text, type=Manifest)
    except msgspec.MsgspecError as error:
        raise BadBackupError(f"it is no manifest: {error}") from error


def _content(tar: tarfile.TarFile, name: str) -> bytes:
    found = _next(tar, name)
    content = tar.extractfile(found)
    if content is None or found.size > LONGEST_MANIFEST:
        raise BadBackupError("it is no manifest")
    return content.read()


def _extract(tar: tarfile.TarFile, member: Member, folder: Path) -> None:
    target = folder / _inside(member.name)
    found = _next(tar, member.name)
    content = tar.extractfile(found)
    if content is None or found.size != member.size:
        raise BadBackupError("it was changed")
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    hasher = hashlib.sha256()
    with target.open("xb") as file:
        os.fchmod(file.fileno(), 0o600)
        while part := content.read(BYTES_AT_ONCE):
            hasher.update(part)
            file.write(part)
    if hasher.hexdigest() != member.sha256:
        raise BadBackupError("it was changed")


def _next(tar: tarfile.TarFile, name: str) -> tarfile.TarInfo:
    """The next member, which must be the file of this name."""
    found = tar.next()
    if found is None:
        raise BadBackupError("it is missing")
    if found.name != name or not found.isreg():
        raise BadBackupError("it was changed")
    return found


def _require_end(tar: tarfile.TarFile) -> None:
    if tar.next() is not None:
        raise BadBackupError("it holds more than its manifest lists")


def _inside(name: str) -> PurePosixPath:
    """A path that stays below the folder that it is joined to."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise BadBackupError("its name leads elsewhere")
    return path


def _header(name: str, size: int) -> tarfile.TarInfo:
    header = tarfile.TarInfo(name)
    header.size, header.mode = size, 0o600
    return header


def _tar(stream: IO[bytes]) -> tarfile.TarFile:
    return tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT)


def _compressing(path: Path, suffix: str) -> AbstractContextManager[Any]:
    if suffix == ".gz":
        return gzip.open(path, "wb", QUICK)
    import pyarrow as pa

    return cast("AbstractContextManager[Any]", pa.output_stream(str(path), compression="zstd"))


def _decompressing(path: Path) -> AbstractContextManager[Any]:
    if path.suffix == ".gz":
        return gzip.open(path, "rb")
    import pyarrow as pa

    return cast("AbstractContextManager[Any]", pa.input_stream(str(path), compression="zstd"))
