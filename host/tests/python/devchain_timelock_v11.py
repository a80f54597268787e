"""bittensor 11.3.0 commits weights by timelock; the development chain reveals them.

The package seals for drand's quicknet; a copy of it seals for the beacon that the
chain names (see devchain_common.run_with_beacon). The rest is the package's own.
"""

import asyncio
import sys
import time

import bittensor as bt
from bittensor_core import Keypair

from devchain_common import DevWallet, run_with_beacon

NETUID = 1


def octets(value):
    return bytes.fromhex(value.removeprefix("0x")) if isinstance(value, str) else bytes(value)


async def main(url):
    alice = DevWallet(Keypair, "//Alice")
    storage = bt.storage
    async with bt.Client(url, fallback_endpoints=[], archive_endpoints=[]) as client:
        beacon = await client.query(storage.Drand.BeaconConfig)
        run_with_beacon("bittensor_core", octets(beacon["public_key"]))
        intent = bt.intents.SetWeights(netuid=NETUID, weights={0: 1.0})
        committed = await client.execute(intent, alice)
        assert committed.success, committed
        assert committed.data["reveal_round"] > 0, committed
        deadline = time.monotonic() + 90
        while not await client.query(storage.SubtensorModule.Weights, [NETUID, 0]):
            assert time.monotonic() < deadline, "the commit was never revealed"
            await asyncio.sleep(0.5)


asyncio.run(main(sys.argv[1]))
print("ok")
