"""Calls an axon with a real Dendrite of bittensor 10.5.0 and checks what it makes of the answers.

Arguments: the port of an axon that welcomes everybody, the port of one that
welcomes nobody, their hotkey.
"""

import asyncio
import sys
from typing import Any, ClassVar, Dict, List, Optional

import bittensor
from bittensor.core.chain_data import AxonInfo
from bittensor.utils import networking
from bittensor_wallet import Keypair

networking.get_external_ip = lambda: "203.0.113.7"

OPEN, CLOSED, HOTKEY = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]


class Echo(bittensor.Synapse):
    prompt: str
    n: int = 3
    ratio: float = 0.1
    tags: List[str] = ["a", "b c"]
    meta: Dict[str, Any] = {"k": None, "t": True, "f": 1e-7}
    answer: Optional[str] = None
    required_hash_fields: ClassVar[tuple] = ("prompt", "n", "ratio", "tags", "meta")


class Deny(bittensor.Synapse):
    x: int = 1


class Boom(bittensor.Synapse):
    x: int = 1


class Slow(bittensor.Synapse):
    x: int = 1


class Nope(bittensor.Synapse):
    x: int = 1


class StreamIt(bittensor.StreamingSynapse):
    prompt: str
    completion: Optional[str] = None
    required_hash_fields: ClassVar[tuple] = ("prompt",)

    async def process_streaming_response(self, response):
        self.completion = ""
        async for chunk in response.content.iter_any():
            self.completion += chunk.decode()
            yield chunk.decode()

    def extract_response_json(self, response):
        return {"prompt": self.prompt, "completion": self.completion}

    def deserialize(self):
        return self


def axon(port):
    return AxonInfo(
        version=1, ip="127.0.0.1", port=port, ip_type=4, hotkey=HOTKEY, coldkey=HOTKEY
    )


def expect(got, wanted, what):
    assert got == wanted, f"{what}: {got!r}, not {wanted!r}"


async def main():
    alice = Keypair.create_from_uri("//Alice")
    dendrite = bittensor.Dendrite(wallet=alice)

    async def ask(synapse, port=OPEN, timeout=12.0):
        return await dendrite.call(
            axon(port), synapse=synapse, timeout=timeout, deserialize=False
        )

    ping = await ask(bittensor.Synapse())
    assert ping.is_success, ping.dendrite
    expect(ping.axon.hotkey, HOTKEY, "who answered a ping")
    expect(ping.dendrite.hotkey, alice.ss58_address, "who asked")

    odd = "h\u00e9llo \"w'orld\" \u2603 \U0001f600"
    echo = await ask(Echo(prompt=odd, tags=["it's", 'q"q', "\t\u200b"], meta={"x": [1, 2.5, None]}))
    assert echo.is_success, echo.dendrite
    expect(echo.answer, f"echo:{odd}", "an echo")
    expect(echo.tags, ["it's", 'q"q', "\t\u200b"], "its tags")
    expect(echo.axon.status_message, "Success", "its status")

    # One Dendrite has one uuid: these arrive out of order.
    many = await asyncio.gather(*(ask(Echo(prompt=str(n))) for n in range(40)))
    for n, one in enumerate(many):
        assert one.is_success, one.dendrite
        expect(one.answer, f"echo:{n}", "one of many")

    unknown = await ask(Nope())
    expect(unknown.dendrite.status_code, 404, "an unknown synapse")
    assert unknown.dendrite.status_message.startswith(
        "Synapse name 'Nope' not found. Available synapses ['Synapse', 'Echo',"
    ), unknown.dendrite.status_message

    denied = await ask(Deny(), port=CLOSED)
    assert denied.is_blacklist, denied.dendrite
    expect(
        denied.dendrite.status_message,
        "Forbidden. Key is blacklisted: not on the list.",
        "a blacklisted key",
    )

    boom = await ask(Boom())
    expect(boom.dendrite.status_code, 500, "a fault")
    assert boom.dendrite.status_message.startswith("Internal Server Error #")

    slow = await ask(Slow(), timeout=0.5)
    assert slow.is_timeout, slow.dendrite

    stream = await dendrite.forward(
        axon(OPEN), StreamIt(prompt="p"), streaming=True, deserialize=False
    )
    last = [chunk async for chunk in stream][-1]
    assert last.is_success, last.dendrite
    expect(last.completion, "Hello w\u00f6rld", "a stream")

    other = bittensor.Dendrite(wallet=alice)
    wrong = AxonInfo(
        version=1, ip="127.0.0.1", port=OPEN, ip_type=4,
        hotkey=alice.ss58_address, coldkey=HOTKEY,
    )
    mistaken = await other.call(wrong, synapse=Deny(), deserialize=False)
    assert mistaken.failed_verification, mistaken.dendrite
    expect(
        mistaken.dendrite.status_message,
        "Not Verified with error: Signature mismatch",
        "a request for another",
    )
    for used in (dendrite, other):
        await used.aclose_session()


asyncio.run(main())
