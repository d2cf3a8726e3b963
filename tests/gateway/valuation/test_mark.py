"""gateway.valuation.mark: numpy arrays in place, exact integers, the rest refused by name."""

from __future__ import annotations

import random
import re
import subprocess
from fractions import Fraction
from pathlib import Path
from shutil import which
from typing import Any

import numpy as np
import pytest

import gateway
from gateway.valuation import mark as door

LEVELS = ("scalar", "avx2", "avx512")
COLUMNS = ("quantity", "mark", "multiplier", "cost_e18", "scale", "kind")


def book(count: int, seed: int = 3) -> np.ndarray[Any, Any]:
    """Rows of many instruments; every seventh block holds something that has no 64-bit form."""
    rng = random.Random(seed)
    rows = np.zeros(count, door.POSITION)
    rows["quantity"] = [rng.randint(-(10**6), 10**6) for _ in range(count)]
    rows["mark"] = [rng.randint(-100, 10**7) for _ in range(count)]
    rows["multiplier"] = [rng.randint(1, 50) for _ in range(count)]
    rows["cost_e18"] = door.money_array([rng.randint(-(10**30), 10**30) for _ in range(count)])
    rows["scale"] = [rng.randint(0, 18) for _ in range(count)]
    rows["kind"] = [rng.choice((1, 2, 4)) for _ in range(count)]
    for row in range(40, count, 64 * 7):
        rows["kind"][row] = 3
    return rows


def columns(rows: np.ndarray[Any, Any]) -> dict[str, np.ndarray[Any, Any]]:
    return {name: np.ascontiguousarray(rows[name]) for name in COLUMNS}


def half_even(value: Fraction) -> int:
    """Python's own rounding of a fraction, which is half-even and exact."""
    return round(value)


def expected(row: Any) -> int:
    """What a row is worth, from the documented sentence alone."""
    quantity, mark, multiplier = int(row["quantity"]), int(row["mark"]), int(row["multiplier"])
    cost = door.money_integers(np.array([row["cost_e18"]], door.MONEY))[0]
    unit = Fraction(10) ** (18 - int(row["scale"]))
    if quantity == 0:
        return 0
    if row["kind"] != 3:
        return half_even(quantity * mark * multiplier * unit) - cost
    if mark <= 0:
        return door.NO_VALUE
    return half_even(-Fraction(quantity * multiplier, mark) * unit) - cost


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("count", [0, 1, 7, 63, 64, 65, 1000])
def test_every_level_gives_the_integers_of_exact_fractions(level: str, count: int) -> None:
    if level not in door.levels():
        pytest.skip(f"this machine lacks {level}")
    rows = book(count)
    wanted = [expected(row) for row in rows]
    for valued in (
        door.mark_positions(rows, level=level),
        door.mark_columns(**columns(rows), level=level),
    ):
        assert door.money_integers(valued.unrealised_e18) == wanted
        assert valued.without_value == wanted.count(door.NO_VALUE)
        if level == "scalar":
            assert valued.exact_rows == count
        elif count == 1000:
            assert 0 < valued.exact_rows < count, "one block is exact, the others are not"


def test_the_result_is_written_where_the_caller_says() -> None:
    rows = book(100)
    out = np.zeros(100, door.MONEY)
    assert door.mark_positions(rows, out=out).unrealised_e18 is out
    assert door.money_integers(out) == [expected(row) for row in rows]


def test_a_read_only_mapping_is_valued_without_a_copy(tmp_path: Path) -> None:
    rows = book(300)
    path = tmp_path / "positions"
    rows.tofile(path)
    mapped = np.memmap(path, door.POSITION, mode="r")
    wanted = door.mark_positions(rows).unrealised_e18.tolist()
    assert door.mark_positions(mapped).unrealised_e18.tolist() == wanted


@pytest.mark.parametrize(
    ("name", "wrong", "message"),
    [
        ("mark", np.zeros(8), "mark: dtype int64 is needed, not float64"),
        ("mark", np.zeros(8, np.int32), "mark: dtype int64 is needed, not int32"),
        ("mark", np.zeros(8, ">i8"), "mark: dtype int64 is needed, not >i8"),
        ("kind", np.zeros(8, np.int8), "kind: dtype uint8 is needed, not int8"),
        ("cost_e18", np.zeros(8, np.int64), "cost_e18: dtype"),
        ("scale", [1] * 8, "scale: a numpy array is needed"),
    ],
)
def test_another_dtype_is_refused_by_name(name: str, wrong: Any, message: str) -> None:
    with pytest.raises(TypeError, match=re.escape(message)):
        door.mark_columns(**columns(book(8)) | {name: wrong})


@pytest.mark.parametrize(
    ("name", "wrong", "message"),
    [
        ("mark", np.zeros(16, np.int64)[::2], "mark: rows must lie one behind the other"),
        ("mark", np.zeros((8, 1), np.int64), "mark: one dimension is needed, not 2"),
        ("mark", np.array(1), "mark: one dimension is needed, not 0"),
        ("mark", np.zeros(7, np.int64), "mark: 8 rows are needed, not 7"),
        ("out", np.zeros(9, door.MONEY), "out: 8 rows are needed, not 9"),
        ("level", "sse9", "level sse9 is not one of this machine"),
        (
            "mark",
            np.frombuffer(bytes(65), np.uint8)[1:].view(np.int64),
            "mark: must begin at a multiple of 8 bytes",
        ),
    ],
)
def test_another_shape_or_stride_is_refused_by_name(name: str, wrong: Any, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        door.mark_columns(**columns(book(8)) | {name: wrong})


def test_a_result_that_is_read_only_or_overlaps_is_refused() -> None:
    taken = columns(book(8))
    out = np.zeros(8, door.MONEY)
    out.flags.writeable = False
    with pytest.raises(ValueError, match="out: is read-only"):
        door.mark_columns(**taken, out=out)
    with pytest.raises(ValueError, match="out: overlaps"):
        door.mark_columns(**taken, out=taken["cost_e18"])


def test_the_environment_forces_a_level_and_an_absent_one_is_named() -> None:
    assert door.chosen_level({"GATEWAY_SIMD": "scalar"}) == "scalar"
    assert door.chosen_level({}) == door.levels()[-1]
    with pytest.raises(ValueError, match="GATEWAY_SIMD=vax: this machine has scalar"):
        door.chosen_level({"GATEWAY_SIMD": "vax"})


def test_money_goes_there_and_back() -> None:
    amounts = [0, 1, -1, 2**64, -(2**64), 2**126, -(2**126), 10**18 + 1, door.NO_VALUE]
    assert door.money_integers(door.money_array(amounts)) == amounts
    with pytest.raises(OverflowError):
        door.money_array([2**127])


@pytest.mark.skipif(which("objdump") is None, reason="no objdump on this machine")
def test_the_module_starts_on_an_older_processor() -> None:
    """Wide registers appear in the kernels' own sections and nowhere else of the whole module."""
    native = next(Path(gateway.__file__).parents[0].glob("_core*.so"), None)
    import gateway._core as core

    path = str(native or core.__file__)

    def code(*options: str) -> str:
        command = ["objdump", "-d", "--no-show-raw-insn", *options, path]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    if "elf64-x86-64" not in code("-j", ".init"):
        pytest.skip("not an x86-64 module")
    assert not re.search(r"^.*%[yz]mm.*$", code("-j", ".text"), re.MULTILINE)
    assert "%ymm" in code("-j", "gateway_avx2")
    assert "%zmm" in code("-j", "gateway_avx512")


def test_the_example_of_the_page_runs() -> None:
    page = Path(__file__).parents[3] / "docs/concepts/simd_valuation.md"
    found = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    assert len(found) == 1
    exec(found[0], {})
