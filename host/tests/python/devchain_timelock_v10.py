"""bittensor 10.5.0 commits weights by timelock; the development chain reveals them.

As devchain_timelock_v11.py: only the beacon's key is exchanged.
"""

import sys

import bittensor as bt
from bittensor_wallet import Keypair

from devchain_common import DevWallet, run_with_beacon, wait_until

NETUID = 1


def octets(value):
    if isinstance(value, str):
        return bytes.fromhex(value.removeprefix("0x"))
    while value and isinstance(value[0], (tuple, list)):
        value = value[0]
    return bytes(value)


def main(url):
    subtensor = bt.Subtensor(network=url)
    beacon = subtensor.substrate.query("Drand", "BeaconConfig")
    beacon = getattr(beacon, "value", beacon)
    run_with_beacon("bittensor_drand", octets(beacon["public_key"]))
    alice = DevWallet(Keypair, "//Alice")
    assert subtensor.commit_reveal_enabled(NETUID)
    # It takes the pace of blocks from its caller, and 12 s from nobody.
    committed = subtensor.set_weights(
        wallet=alice, netuid=NETUID, uids=[0], weights=[1.0], block_time=0.25
    )
    assert committed.success, committed
    revealed = lambda: dict(subtensor.weights(NETUID)).get(0) == [(0, 65535)]
    wait_until("the commit is revealed", revealed)


main(sys.argv[1])
print("ok")
