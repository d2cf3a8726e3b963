"""An export proves itself with Python's own library alone; whatever is changed in it is named."""

import base64
import hashlib
import io
import json
import random
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.__main__ import root
from gateway.journal import audit_export, reader, verify_export
from gateway.journal.verify_export import CLOSING, MIDDLE, OPENING, START, Fault, prove, record_crc

FLIPS = 120


@pytest.fixture
def sealed(open_world):
    """A journal of several segments, the first of them sealed; a path of its own for exports."""
    world = open_world(segment_bytes=1 << 16, ring_bytes=1 << 20)
    journal = Path(world.journal)
    for _ in range(300):
        world.fill(world.working(), "1")
    deadline = time.monotonic() + 120
    while not any(journal.glob("*.seal")):  # an idle thread makes them
        assert time.monotonic() < deadline
        time.sleep(0.01)
    world.engine.stop()
    return journal


@pytest.fixture
def exported(sealed, tmp_path):
    path = tmp_path / "audit.jsonl"
    with path.open("xb") as file:
        audit_export.export(sealed, file)
    return path


def bodies(path):
    return [json.loads(line)["body"] for line in path.read_bytes().splitlines()]


def write(path, changed):
    """A file that hangs together again, as who changes it on purpose would write it."""
    chain, out = START, io.BytesIO()
    for body in changed:
        encoded = json.dumps(body, separators=(",", ":")).encode()
        chain = hashlib.sha256(chain + encoded).digest()
        out.write(OPENING + encoded + MIDDLE + chain.hex().encode() + CLOSING)
    path.write_bytes(out.getvalue())


def test_the_proof_needs_nothing_but_python(sealed, tmp_path):
    target = tmp_path / "out.jsonl"
    called = CliRunner().invoke(root, ["audit", "export", str(sealed), "--out", str(target)])
    assert called.exit_code == 0, called.output
    alone = tmp_path / "alone.py"
    alone.write_bytes(Path(verify_export.__file__).read_bytes())
    words = [sys.executable, "-I", "-S", str(alone), str(target), "--seals", str(sealed)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("whole: ")
    checked = CliRunner().invoke(root, ["audit", "check", str(target), "--json"])
    sequence = reader.verify(sealed)["sequence"]
    assert json.loads(checked.stdout) == {"ok": True, "records": sequence}
    again = CliRunner().invoke(root, ["audit", "export", str(sealed), "--out", str(target)])
    assert again.exit_code == 1, "an existing file is never written over"


def test_every_record_of_a_sealed_segment_is_covered_by_its_seal(sealed, exported):
    proof = prove(exported, sealed)
    assert 0 < proof.sealed <= proof.sequence == proof.records


def test_any_flipped_bit_is_named_with_its_line(exported):
    whole = exported.read_bytes()
    chance = random.Random(11)
    for _ in range(FLIPS // 5):
        place = chance.randrange(len(whole))
        changed = bytearray(whole)
        changed[place] ^= 1 << chance.randrange(8)
        exported.write_bytes(changed)
        line = whole.count(b"\n", 0, place) + 1
        with pytest.raises(Fault, match=f"line ({line}|{line + 1}|{max(line - 1, 1)}):"):
            prove(exported)


@pytest.mark.parametrize("cut", ["first", "last", "middle", "swapped"])
def test_lines_that_are_missing_or_moved_are_named(exported, cut):
    lines = exported.read_bytes().splitlines(keepends=True)
    if cut == "swapped":
        lines[4], lines[5] = lines[5], lines[4]
    else:
        del lines[{"first": 0, "last": -1, "middle": 7}[cut]]
    exported.write_bytes(b"".join(lines))
    with pytest.raises(Fault):
        prove(exported)


def test_a_directory_without_records_is_no_journal(tmp_path):
    day = ["--day", "2026-11-20"]
    for words in (["audit", "show"], ["audit", "export", "--out", str(tmp_path / "x")],
                  ["audit", "recheck"],
                  ["statement", *day]):  # fmt: skip
        failed = CliRunner().invoke(root, [*words, str(tmp_path)])
        assert failed.exit_code == 1 and "BAD_JOURNAL" in failed.output, words
    assert not (tmp_path / "x").exists(), "what did not become whole is taken away"


def test_a_sealed_segment_without_its_records_is_named(exported):
    changed = [bodies(exported)[0], {"end": {"records": 0, "sequence": 0}}]
    write(exported, changed)
    with pytest.raises(Fault, match="segment 1: its records are missing"):
        prove(exported)


def test_words_that_are_not_those_of_the_record_are_found_by_the_check(exported):
    changed = bodies(exported)
    victim = next(body for body in changed if body.get("row", {}).get("what") == "order_filled")
    victim["row"]["subject"] = victim["row"]["subject"].replace("buy", "sell")
    write(exported, changed)
    prove(exported)  # its bytes hang together
    with pytest.raises(ValueError, match="the words beside record"):
        audit_export.check_words(exported)


def forged(changed):
    """One fill's value raised, every checksum behind it made anew, in segment headers too."""
    segments, crc = changed[0]["segments"], None
    firsts = {struct.unpack_from("<Q", base64.b64decode(each["header"]), 24)[0]: each
              for each in segments}  # fmt: skip
    for body in changed:
        if "raw" not in body:
            continue
        record = bytearray(base64.b64decode(body["raw"]))
        if crc is None and body["row"]["kind"] == "order_filled":
            record[88] ^= 1
            crc = struct.unpack_from("<I", record, 52)[0]
        if crc is not None:
            if segment := firsts.get(body["row"]["sequence"]):
                header = bytearray(base64.b64decode(segment["header"]))
                struct.pack_into("<I", header, 48, crc)
                segment["header"] = base64.b64encode(header).decode()
            struct.pack_into("<I", record, 52, crc)
            crc = record_crc(bytes(record), crc)
            struct.pack_into("<I", record, 56, crc)
            body["raw"] = base64.b64encode(record).decode()
    return changed


def test_a_forger_who_mends_every_checksum_fails_at_the_seal(exported):
    write(exported, forged(bodies(exported)))
    with pytest.raises(Fault, match=r"segment 1: its records are not what the seal covers"):
        prove(exported)


def test_a_forger_who_takes_the_seals_out_fails_at_the_seals_that_were_kept(exported, sealed):
    changed = forged(bodies(exported))
    for each in changed[0]["segments"]:
        each["seal"] = ""
    write(exported, changed)
    assert prove(exported).sealed == 0, "the proof says that nothing is sealed"
    with pytest.raises(Fault, match="segment 1: the seal is not the one that was kept"):
        prove(exported, sealed)


def first_of(segment):
    return struct.unpack_from("<Q", base64.b64decode(segment["header"]), 24)[0]


def remade(path, head, records):
    end = {"records": len(records), "sequence": records[-1]["row"]["sequence"] if records else 0}
    write(path, [*head, *records, {"end": end}])


def test_segments_cut_off_the_end_are_found_by_the_seals_that_were_kept(exported, sealed):
    head, *records, _ = bodies(exported)
    kept = [int(path.stem[8:]) for path in sealed.glob("segment-*.seal")]
    place = max(kept) - 1
    begin = first_of(head["segments"][place])
    head["segments"] = head["segments"][:place]
    remade(exported, [head], [body for body in records if body["row"]["sequence"] < begin])
    if place:
        assert prove(exported).records, "without the kept seals nobody can tell"
    with pytest.raises(Fault, match=f"segment {max(kept)}: its seal was kept"):
        prove(exported, sealed)
    with pytest.raises(ValueError, match="its seal was kept"):
        audit_export.check_words(exported, sealed)


@pytest.mark.parametrize("how", ["no line at all", "none listed", "another number", "no header"])
def test_an_invented_file_is_not_whole_beside_kept_seals(exported, sealed, how):
    head, *records, _ = bodies(exported)
    header = bytearray(base64.b64decode(head["segments"][0]["header"]))
    struct.pack_into("<I", header, 16, 77)
    other = {"header": base64.b64encode(header).decode(), "seal": ""}
    heads = {
        "no line at all": [],
        "none listed": [{**head, "segments": []}],
        "another number": [{**head, "segments": [other]}],
        "no header": [],
    }[how]
    remade(exported, heads, [] if how == "no line at all" else records)
    with pytest.raises(Fault):
        prove(exported, sealed)
    if not heads:
        with pytest.raises(Fault, match="begins with one line"):
            prove(exported)


def test_seals_that_cover_nothing_prove_nothing(exported, tmp_path):
    (tmp_path / "none").mkdir()
    with pytest.raises(Fault):
        prove(exported, tmp_path / "none")
    changed = bodies(exported)
    for each in changed[0]["segments"]:
        each["seal"] = ""
    write(exported, changed)
    with pytest.raises(Fault, match="no kept seal covers"):
        prove(exported, tmp_path / "none")


def test_a_second_beginning_and_a_seal_behind_an_open_segment_are_named(exported):
    changed = bodies(exported)
    write(exported, [changed[0], *changed])
    with pytest.raises(Fault, match="line 2: an export begins with one line"):
        prove(exported)
    segments = changed[0]["segments"]
    segments[1]["seal"], segments[0]["seal"] = segments[0]["seal"], ""
    write(exported, changed)
    with pytest.raises(Fault, match="segment 2 is sealed and segment 1 before it is not"):
        prove(exported)


def test_segments_without_records_are_gone_through(exported):
    """Two of the same first record: the first of them holds none."""
    head, *rest = bodies(exported)
    again = dict(head["segments"][0], seal="")
    header = bytearray(base64.b64decode(again["header"]))
    struct.pack_into("<I", header, 16, 0)
    again["header"] = base64.b64encode(header).decode()
    page = bytes(header) + bytes(4096 - 4 - len(header))
    page += struct.pack("<I", verify_export.crc32c(page))
    fields = list(verify_export.SEAL.unpack(base64.b64decode(head["segments"][0]["seal"])))
    fields[3], fields[6], fields[7] = 0, 0, 4096
    fields[8] = hashlib.sha256(page).digest()
    seal = verify_export.SEAL.pack(*fields)[:-4]
    seal += struct.pack("<I", verify_export.crc32c(seal))
    again["seal"] = base64.b64encode(seal).decode()
    head["segments"].insert(0, again)
    write(exported, [head, *rest])
    assert prove(exported).sealed > 0


def test_verify_names_any_flipped_bit_of_a_journal(sealed):
    files = [
        path for path in sorted(sealed.iterdir())
        if path.suffix in (".journal", ".seal", ".state") or path.name == "superblock"
    ]  # fmt: skip
    assert reader.verify(sealed)["ok"]
    chance = random.Random(5)
    for _ in range(FLIPS):
        path = chance.choice(files)
        whole = path.read_bytes()
        if path.name == "superblock":  # between its copies lies nothing that counts
            place = 4096 * chance.randrange(4) + chance.randrange(512)
        elif path.name == "spare.journal":
            continue
        else:
            place = chance.randrange(len(whole))
        with path.open("r+b") as file:
            file.seek(place)
            file.write(bytes([whole[place] ^ 1 << chance.randrange(8)]))
        found = reader.verify(sealed)
        assert not found["ok"], (path.name, place)
        assert all(fault["segment"] and fault["code"] for fault in found["faults"])
        path.write_bytes(whole)
    assert reader.verify(sealed)["ok"]
