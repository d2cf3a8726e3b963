"""The page's files: small, complete by themselves, nothing in them that a strict policy forbids."""

import gzip
import re
from importlib.resources import files

from gateway.stream.page import LOOPBACK_ADDRESS, channels_script, live_address

FOLDER = files("gateway.stream") / "dashboard"
TEXTS = {file.name: file.read_text("utf-8") for file in FOLDER.iterdir() if file.is_file()}
TEXTS["channels.js"] = channels_script().decode()  # made of the table of channels
PAGE_BYTES_MAX = 60 * 1024  # as sent: packed
FILE_BYTES_MAX = 176 * 1024  # as they lie there, comments and all


def test_the_whole_page_is_small():
    files_of_page = [text.encode() for text in TEXTS.values()]
    assert sum(map(len, files_of_page)) <= FILE_BYTES_MAX
    assert sum(len(gzip.compress(each, mtime=0)) for each in files_of_page) <= PAGE_BYTES_MAX


def test_every_import_and_link_is_a_file_of_the_page():
    scripts = [text for name, text in TEXTS.items() if name.endswith(".js")]
    imported = {name for text in scripts for name in re.findall(r'from "\./([^"]+)"', text)}
    linked = set(re.findall(r'(?:href|src)="/([^"]+)"', TEXTS["index.html"]))
    assert imported | linked <= set(TEXTS)
    assert {name for name in TEXTS if name.endswith(".js")} == imported | {"app.js"}


def test_nothing_comes_from_outside_or_is_made_from_text():
    for name, text in TEXTS.items():
        outside = re.findall(r"https?://(?!www\.w3\.org/2000/svg)\S+", text)
        assert outside == [], name
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write", text), name
        assert not re.search(r"\beval\(|new Function|setAttribute\(\"on", text), name
    assert not re.search(r"\son\w+=|\sstyle=|<style|<script>", TEXTS["index.html"])


def test_only_a_loopback_address_of_the_run_file_reaches_the_page(tmp_path):
    path = tmp_path / "run.json"
    assert live_address(path) == ""
    for told, shown in {
        '{"api": "http://127.0.0.1:8700"}': "http://127.0.0.1:8700",
        '{"api": "https://[::1]:8700"}': "https://[::1]:8700",
        '{"api": "http://127.0.0.1:8700; script-src *"}': "",
        '{"api": "http://10.0.0.1:8700"}': "",
        '{"api": ["http://127.0.0.1:8700"]}': "",
        "[]": "",
        '{"api": ': "",
    }.items():
        path.write_text(told)
        assert live_address(path) == shown, told
    assert not LOOPBACK_ADDRESS.fullmatch("http://127.0.0.1:8700\n")
