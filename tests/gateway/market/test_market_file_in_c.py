"""The C text of docs/reference/market_file.md reads what the writer wrote, with the public header
alone."""

import shutil
import subprocess
from pathlib import Path

import pytest

from gateway._core.market import MarketWriter
from gateway.market import market_path

ROOT = Path(__file__).parents[3]
COMPILER = shutil.which("cc") or shutil.which("gcc")
PROGRAM = """
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

%s

int main(int count, char** names) {
  int file = open(names[count - 1], O_RDONLY);
  struct gateway_market_header* head =
      mmap(0, sizeof(struct gateway_market_header), PROT_READ, MAP_SHARED, file, 0);
  if (memcmp(head->magic, GATEWAY_MARKET_MAGIC, 8)) return 1;
  if (head->version != GATEWAY_MARKET_VERSION) return 1;
  char* bytes = mmap(0, head->file_bytes, PROT_READ, MAP_SHARED, file, 0);
  struct gateway_market_row* row = (void*)(bytes + head->rows_offset + head->row_bytes);
  struct gateway_market_book book;
  if (!read_book(&row->book, &book)) return 2;
  uint64_t slot = (row->trades_total - 1) %% GATEWAY_MARKET_TRADES;
  struct gateway_market_trade* trade = &row->trades[slot];
  printf("%%s %%s %%u %%lld %%lld %%u %%lld %%lld %%s", head->venue, row->instrument, book.state,
         (long long)book.bids[0].price, (long long)book.asks[0].quantity, book.price_scale,
         (long long)row->reference.mark, (long long)trade->price, trade->id);
  return 0;
}
"""


@pytest.mark.skipif(COMPILER is None, reason="no C compiler")
def test_the_c_text_of_the_page_reads_a_book(tmp_path):
    page = (ROOT / "docs/reference/market_file.md").read_text(encoding="utf-8")
    text = page.split("```c\n")[1].split("```")[0]
    source, program = tmp_path / "reader.c", tmp_path / "reader"
    source.write_text(PROGRAM % text, encoding="utf-8")
    include = ROOT / "core_ext/include"
    command = [COMPILER, "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-O1", f"-I{include}"]
    subprocess.run([*command, str(source), "-o", str(program)], check=True, timeout=120)
    path = market_path(tmp_path, "paper")
    writer = MarketWriter(str(path), "paper", ["A", "B"], 1, 2)
    writer.show(1, [("100.25", "1")], [("101", "2.5")], 7, 8, 9)
    writer.mark(1, "100.5", 9)
    writer.trade(1, "99", "1", "buy", "T9", 9)
    told = subprocess.run([str(program), str(path)], check=True, capture_output=True, timeout=300)
    assert told.stdout == b"paper B 1 10025 25 2 1005 99 T9"
