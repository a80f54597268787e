"""Serves bittensor 10.5.0's Axon as //Bob on a free port, for our dendrite.

Says "listening PORT" once it answers, and ends when its input does.
"""

import json
import os
import socket
import sys
import time
from types import SimpleNamespace
from typing import Tuple

os.environ["BT_NO_PARSE_CLI_ARGS"] = "1"

import bittensor
from bittensor.core.stream import StreamingSynapse
from bittensor_wallet import Keypair


class Specs(bittensor.Synapse):
    specs_input: str = ""
    specs_output: str = ""


class Echo(bittensor.Synapse):
    prompt: str
    n: int = 3
    tags: list[str] = []
    meta: dict = {}
    answer: str | None = None
    required_hash_fields = ("prompt", "n", "tags", "meta")


class Boom(bittensor.Synapse):
    x: int = 1


class Deny(bittensor.Synapse):
    x: int = 1


class StreamIt(StreamingSynapse):
    prompt: str
    completion: str | None = None
    required_hash_fields = ("prompt",)

    async def process_streaming_response(self, response):
        yield ""

    def extract_response_json(self, response):
        return {}


SPECS = {
    "cpu": {"count": 8, "frequency": 2900.0},
    "gpu": {"count": 1, "capacity": 15360.0, "details": [{"name": "Tesla T4", "capacity": 15360.0}]},
    "hard_disk": {"total": 512 << 30, "free": 1 << 30},
    "ram": {"total": 64 << 30, "free": 1 << 30},
}


def specs(synapse: Specs) -> Specs:
    synapse.specs_output = json.dumps(SPECS)
    return synapse


def echo(synapse: Echo) -> Echo:
    synapse.answer = f"{synapse.dendrite.hotkey} said {synapse.prompt} {synapse.n} {synapse.tags} {synapse.meta}"
    return synapse


def boom(synapse: Boom) -> Boom:
    raise RuntimeError("boom")


def deny(synapse: Deny) -> Deny:
    return synapse


def unwelcome(synapse: Deny) -> Tuple[bool, str]:
    return True, "not on the list"


def stream(synapse: StreamIt) -> StreamingSynapse.BTStreamingResponse:
    async def tokens(send):
        for part in ("Hel", "lo ", "wörld"):
            await send({"type": "http.response.body", "body": part.encode(), "more_body": True})

    return synapse.create_streaming_response(tokens)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def main() -> None:
    hotkey = Keypair.create_from_uri("//Bob")
    port = free_port()
    axon = bittensor.Axon(
        wallet=SimpleNamespace(hotkey=hotkey, coldkeypub=hotkey),
        config=bittensor.Axon.config(),
        ip="127.0.0.1",
        port=port,
        external_ip="127.0.0.1",
    )
    for handler in (specs, echo, boom, stream):
        axon.attach(handler)
    axon.attach(deny, blacklist_fn=unwelcome)
    axon.start()
    for _ in range(600):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.05)
    print("listening", port, flush=True)
    sys.stdin.read()
    os._exit(0)


main()
