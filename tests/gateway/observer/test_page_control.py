"""The halt dialog's turns, in the page's own module under node: what a late answer may not say."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

NODE = shutil.which("node")
CONTROL = Path(__file__).parents[3] / "gateway/stream/dashboard/control.js"
SCRIPT = """
const nodes = {};
const elements = {action: Object.assign([{}, {}], {value: "kill"})};
const make = () => ({value: "", dataset: {}, textContent: "", elements, addEventListener() {},
  replaceChildren() {}, showModal() {}, close() {}, focus() {}});
globalThis.document = {getElementById: (id) => nodes[id] ??= make(), querySelector: make,
  createElement: make, documentElement: make(), body: make()};
globalThis.matchMedia = () => ({addEventListener() {}, matches: false});
globalThis.localStorage = {getItem: () => null, setItem() {}};
const {Control} = await import(process.argv[1]);
const asked = [];
globalThis.fetch = (_, {body, signal}) =>
  new Promise((done) => asked.push({...JSON.parse(body), done, isBounded: signal !== undefined}));
const control = new Control({names: () => [], address: () => "http://127.0.0.1:1"});
const told = [];
const ask = (name) => {
  control.open({level: "strategy", name});
  for (const [id, text] of [["confirm", name], ["actor", "a"], ["reason", "r"], ["key", "k.s"]]) {
    nodes[`control-${id}`].value = text;
  }
  control.check();
  told.push(!nodes["control-send"].disabled);
  return nodes["control-send"].disabled ? null : control.send();
};
const answer = {ok: true, status: 200, json: async () => ({sequence: 7})};
const first = ask("alpha");
const second = ask("beta");
asked[0].done(answer);
await first;
told.push(nodes["control-said"].textContent, nodes["control-confirm"].value);
asked[1].done(answer);
await second;
told.push(nodes["control-said"].textContent);
console.log(JSON.stringify([asked.map((each) => [each.name, each.isBounded]), told]));
process.exit(0);
"""


@pytest.mark.skipif(NODE is None, reason="no node")
def test_an_answer_is_told_in_its_own_dialog_and_holds_up_no_other():
    command = [NODE, "--input-type=module", "-e", SCRIPT, CONTROL.as_uri()]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stderr
    asked, told = json.loads(ran.stdout)
    assert asked == [["alpha", True], ["beta", True]]
    waiting = "asking the live API …"
    assert told == [True, True, waiting, "beta", "✔ Halt beta at sequence 7"]
