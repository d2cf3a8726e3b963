"""A wrong word of a command that was asked for JSON is an error as any other: code, field, rule."""

import json

import pytest
from click.testing import CliRunner

from gateway.__main__ import root


@pytest.mark.parametrize(
    ("words", "field", "part"),
    [
        (("orders", "--limit", "0", "--json"), "limit", "0"),
        (("verify", "/nope", "--json"), "directory", "/nope"),
        (("orders", "--json", "--nonsense"), "", "--nonsense"),
        (("cancel", "--json"), "", "ORDER"),
        (("nonsense", "--json"), "", "nonsense"),
        (("journal", "cat", "--json"), "directory", "DIRECTORY"),
    ],
)
def test_a_wrong_word_is_json_when_json_was_asked_for(words, field, part):
    result = CliRunner().invoke(root, words)
    assert (result.exit_code, result.stderr) == (2, ""), result.output
    error = json.loads(result.stdout)["error"]
    assert (error["code"], error["field"]) == ("BAD_VALUE", field)
    assert part in error["rule"] and "--help" in error["hint"]


def test_without_json_it_is_told_to_people():
    result = CliRunner().invoke(root, ["orders", "--limit", "0"])
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Usage:" in result.stderr and "--limit" in result.stderr


@pytest.mark.parametrize("command", ["cat", "stat"])
def test_a_directory_without_a_journal_is_no_empty_journal(tmp_path, command):
    result = CliRunner().invoke(root, ["journal", command, str(tmp_path), "--json"])
    assert result.exit_code == 1
    assert json.loads(result.stdout)["error"]["code"] == "BAD_JOURNAL"
