"""Acts on one allocation of a miner with a real Dendrite of bittensor 10.5.0, as
the original's validator does: each line of standard input is a word, and the output
of the Allocate that it stands for is answered as a line of JSON.

| word | |
|---|---|
| `allocate` | for a day, with the first key |
| `check` | does it run? |
| `exchange_key` | for the second key |
| any other | an action of that name, or `deallocate` |

Arguments: the port of a miner's axon, its hotkey, and two public keys for SSH.
"""

import asyncio
import json
import sys

import bittensor
from bittensor.core.chain_data import AxonInfo
from bittensor.utils import networking
from bittensor_wallet import Keypair
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

networking.get_external_ip = lambda: "203.0.113.7"

PORT, HOTKEY = int(sys.argv[1]), sys.argv[2]
KEY, OTHER_KEY = sys.argv[3:5]


class Allocate(bittensor.Synapse):
    timeline: int = 0
    device_requirement: dict = {}
    checking: bool = True
    output: dict = {}
    public_key: str = ""
    docker_requirement: dict = {}
    docker_change: bool = False
    docker_action: dict = {"action": "", "ssh_key": "", "key_type": ""}

    def deserialize(self) -> dict:
        return self.output


def fields(word):
    if word == "allocate":
        return dict(timeline=1, checking=False, docker_requirement={"ssh_key": KEY})
    if word == "check":
        return dict(timeline=0, checking=True)
    if word == "deallocate":
        return dict(timeline=0, checking=False)
    action = {"action": word, "ssh_key": OTHER_KEY, "key_type": "user"}
    return dict(checking=False, docker_change=True, docker_action=action)


async def main():
    dendrite = bittensor.Dendrite(wallet=Keypair.create_from_uri("//Alice"))
    axon = AxonInfo(
        version=1, ip="127.0.0.1", port=PORT, ip_type=4, hotkey=HOTKEY, coldkey=HOTKEY
    )
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    for line in sys.stdin:
        asked = Allocate(public_key=public.decode(), **fields(line.strip()))
        answer = await dendrite(axon, asked, timeout=90)
        print(json.dumps(answer), flush=True)


asyncio.run(main())
