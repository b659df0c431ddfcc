"""The small file that everything else in the lake hangs on."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from jobs.common.errors import DamagedFile, InputError
from jobs.lake import Lake, Manifest, Partition
from jobs.lake.manifest import ManifestFault, NewerManifest, digest_of
from tests.jobs.lake.damage import DAMAGES

DAY = date(2026, 1, 31)
TARGET = Partition("impressions", "tiny", DAY, (("horizon", "7"),))
BEFORE_VERSIONS = b"""{
 "ds": "2026-01-31",
 "facts": {
  "auc": 0.75,
  "curve": [
   1,
   2.5
  ]
 },
 "files": [
  {
   "name": "part-00000.parquet",
   "path": "part-00000-0123456789abcdef.parquet",
   "rows": 3,
   "sha256": "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
   "size": 812
  }
 ],
 "inputs": {
  "log": "abc"
 },
 "keys": {
  "horizon": "7"
 },
 "scenario": "tiny",
 "table": "impressions",
 "window": {
  "end": "2026-02-01T00:00:00.000000+00:00",
  "max_ts": null,
  "start": null
 }
}
"""
"""A manifest as version 0.1 and early 0.2 wrote it."""
DIGEST = "cb43b3b1220dd5b1cc9cf57065f302bae4698b26259747a9a8146951f8ccecb6"
"""Its digest, which inputs of stored tables name."""


def rewritten(**changes: Any) -> bytes:
    """The text of a manifest of this release with other keys, and the checksum that they have."""
    content = json.loads(Manifest.from_json(BEFORE_VERSIONS).to_json()) | changes
    del content["checksum"]
    return json.dumps(content | {"checksum": digest_of(content)}).encode()


def test_a_manifest_without_a_version_is_read() -> None:
    manifest = Manifest.from_json(BEFORE_VERSIONS)
    assert manifest.is_of(TARGET)
    assert manifest.rows == 3
    assert manifest.facts == {"auc": 0.75, "curve": [1, 2.5]}
    assert manifest.window is not None
    assert manifest.window.start is None


def test_a_version_changes_no_digest() -> None:
    """Results name digests: an upgrade must not make them stale."""
    old = Manifest.from_json(BEFORE_VERSIONS)
    new = Manifest.from_json(old.to_json().encode())
    assert new == old
    assert old.digest == new.digest == DIGEST


def test_all_that_an_earlier_release_wrote_is_still_there() -> None:
    old = json.loads(BEFORE_VERSIONS)
    new = json.loads(Manifest.from_json(BEFORE_VERSIONS).to_json())
    assert new.pop("version") == "1.0"
    assert len(new.pop("checksum")) == 64
    assert new == old


def test_keys_of_a_later_minor_version_are_ignored() -> None:
    file = json.loads(BEFORE_VERSIONS)["files"][0] | {"mirror": "s3://copy"}
    text = rewritten(version="1.7", files=[file], origin={"host": "a"})
    assert Manifest.from_json(text) == Manifest.from_json(BEFORE_VERSIONS)


def test_a_later_major_version_is_refused_in_words() -> None:
    with pytest.raises(NewerManifest, match=r"version 2\.0, written by a later release; .* 1: "):
        Manifest.from_json(rewritten(version="2.0"))


@pytest.mark.parametrize("version", ["1", "one.0", 1, 1.0, None, ["1.0"], "1.0.0", ""])
def test_a_version_that_is_none_is_refused(version: object) -> None:
    with pytest.raises(ManifestFault, match="which is none"):
        Manifest.from_json(rewritten(version=version))


def test_no_flipped_bit_goes_unnoticed() -> None:
    """Of a manifest of this release; white space between its keys means nothing."""
    manifest = Manifest.from_json(BEFORE_VERSIONS)
    text = manifest.to_json().encode()
    noticed = 0
    for position in range(len(text)):
        for bit in (1, 32, 128):
            changed = bytearray(text)
            changed[position] ^= bit
            try:
                assert Manifest.from_json(bytes(changed)) == manifest
            except ManifestFault:
                noticed += 1
    assert noticed > 2 * len(text)


def test_no_cut_goes_unnoticed() -> None:
    text = Manifest.from_json(BEFORE_VERSIONS).to_json().encode().rstrip()
    for length in range(len(text)):
        with pytest.raises(ManifestFault):
            Manifest.from_json(text[:length])


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (b"", "is empty"),
        (b"\xff\xfe", "is not in UTF-8"),
        (b"PAR1", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"[1, 2]", "is no manifest"),
        (b"null", "is no manifest"),
        (b"{}", r"is no manifest \(table: Field required\)"),
        (BEFORE_VERSIONS.replace(b'"size": 812', b'"size": "large"'), r"\(files\.0\.size: "),
        (BEFORE_VERSIONS.replace(b'"log": "abc"', b'"log": null'), r"\(inputs\.log: "),
        (b'{"version": "1.0"}', "has lost its checksum"),
    ],
)
def test_what_is_no_manifest_is_refused_in_words(text: bytes, fault: str) -> None:
    with pytest.raises(ManifestFault, match=fault) as caught:
        Manifest.from_json(text)
    assert "\n" not in str(caught.value)


def publish(lake: Lake, target: Partition = TARGET) -> Path:
    with lake.attempt([target]) as attempt:
        attempt.write_table("part-00000.parquet", pa.table({"value": [1, 2]}))
        attempt.publish(target, inputs={"log": "abc"})
    return Path(lake.storage.absolute(f"{target.path}/_manifest.json"))


@pytest.mark.parametrize("damage", [name for name in DAMAGES if name not in ("missing", "folder")])
def test_a_damaged_manifest_is_named(lake: Lake, damage: str) -> None:
    path = publish(lake)
    DAMAGES[damage](path)
    if damage == "last byte":
        # It ends a line: as a character it makes no JSON, and as white space it means nothing.
        assert path.read_bytes().endswith(b"}\x0b")
    for look in (lake.manifest, lake.read):
        with pytest.raises(DamagedFile) as caught:
            look(TARGET)
        assert str(caught.value).startswith(f"{path} ")
        assert str(caught.value).endswith(f": run lis rebuild {TARGET} --scenario tiny")
        assert "\n" not in str(caught.value)


def test_the_manifest_of_another_partition_is_refused(lake: Lake) -> None:
    path = publish(lake)
    other = Partition("impressions", "tiny", DAY + timedelta(days=1), TARGET.keys)
    path.write_bytes(publish(lake, other).read_bytes())
    with pytest.raises(DamagedFile, match="is the manifest of another partition: run lis rebuild"):
        lake.read(TARGET)


def test_a_manifest_that_is_a_folder_is_one_line(lake: Lake) -> None:
    path = publish(lake)
    DAMAGES["folder"](path)
    with pytest.raises(InputError, match="cannot be read") as caught:
        lake.manifest(TARGET)
    assert "\n" not in str(caught.value)


def test_a_manifest_of_a_later_release_is_not_called_damaged(lake: Lake) -> None:
    path = publish(lake)
    content = json.loads(path.read_bytes()) | {"version": "2.0"}
    del content["checksum"]
    path.write_text(json.dumps(content | {"checksum": digest_of(content)}))
    with pytest.raises(InputError, match=rf"^{path} is of version 2\.0") as caught:
        lake.read(TARGET)
    assert not isinstance(caught.value, DamagedFile)


def test_files_are_put_back_beside_a_manifest_of_an_earlier_release(lake: Lake) -> None:
    path = publish(lake)
    content = json.loads(path.read_bytes())
    del content["version"], content["checksum"]
    path.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")
    old = path.read_bytes()
    manifest = lake.manifest(TARGET)
    assert manifest is not None
    lake.drop_files(TARGET, manifest)
    with lake.attempt([]) as attempt:
        attempt.write_table("part-00000.parquet", pa.table({"value": [1, 2]}))
        attempt.put_back(TARGET, manifest)
    assert lake.read(TARGET)["value"].to_pylist() == [1, 2]
    assert path.read_bytes() == old


@pytest.mark.parametrize(
    "text",
    [str(TARGET), f"{TARGET}/", "lis/scenario=a/ds=2026-01-31/ranker=dcn-1/pooled_from=2026-01-01"],
)
def test_the_path_of_a_partition_is_read_back(text: str) -> None:
    assert str(Partition.parse(text)) == text.rstrip("/")


@pytest.mark.parametrize(
    "text",
    [
        *["", "/", "impressions", "impressions/scenario=a", "impressions/scenario=a/ds=today"],
        *["a/b/c", f"{TARGET}/part-0.parquet", "impressions/ds=2026-01-31/scenario=a"],
        f"{TARGET}/ranker=",
    ],
)
def test_what_is_no_partition_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="is no partition of a lake"):
        Partition.parse(text)
