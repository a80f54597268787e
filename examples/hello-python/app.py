"""The smallest scoring policy, in Python: a point for every passed challenge.

Does what examples/hello-policy does in Rust, to the letter: both pass the same
case. With componentize-py 0.25 from PyPI, in this folder:

    componentize-py -d ../hello-policy/wit -w scoring-policy \\
        componentize --stub-wasi app -o hello_python.wasm
    host plugin check hello_python.wasm
    host plugin run hello_python.wasm --input ../hello-policy/cases/first.json

--stub-wasi leaves WASI out, so that the component depends on its arguments
alone. It carries a whole interpreter: 18 MB, half a minute to compile, once.
"""

from wit_world import exports
from wit_world.exports.plugin import Description
from wit_world.exports.scoring import Outcome, Score


class Plugin(exports.Plugin):
    def describe(self) -> Description:
        return Description("hello-python", "0.1.0", "a point for every passed challenge")

    def check_settings(self) -> None:
        pass


class Scoring(exports.Scoring):
    def evaluate(self, epoch, miners, memory) -> Outcome:
        return Outcome([score(miner) for miner in miners], b"")


def score(miner) -> Score:
    points = sum(finding.passed for finding in miner.findings)
    return Score(miner.uid, points, f"{points} of {len(miner.findings)} challenges passed")
