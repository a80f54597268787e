"""bittensor 10.5.0 against the development chain: reads, and every kind of write."""

import sys

import bittensor as bt
from bittensor_wallet import Keypair

from devchain_common import DevWallet

NETUID = 1


def ok(response):
    assert response.success, response
    return response


def reads(subtensor, alice):
    assert subtensor.get_balance(alice.address).rao > 0
    assert subtensor.metagraph(NETUID).hotkeys == [alice.address]
    assert subtensor.get_subnet_hyperparameters(NETUID) is not None
    assert [info.netuid for info in subtensor.all_subnets()][:2] == [0, 1]
    assert subtensor.neurons(NETUID)[0].hotkey == alice.address
    assert subtensor.neurons_lite(NETUID)[0].validator_permit
    assert subtensor.get_stake(alice.address, alice.address, NETUID).rao > 0
    assert subtensor.is_hotkey_registered(alice.address, NETUID)
    assert not subtensor.commit_reveal_enabled(NETUID)
    assert subtensor.get_mev_shield_next_key()


def takes_part(subtensor, alice, bob):
    amount = bt.Balance.from_tao
    transfer = subtensor.transfer(
        wallet=alice, destination_ss58=bob.address, amount=amount(1)
    )
    ok(transfer)
    ok(subtensor.burned_register(wallet=bob, netuid=NETUID))
    ok(
        subtensor.add_stake(
            wallet=bob, netuid=NETUID, hotkey_ss58=bob.address, amount=amount(2000)
        )
    )
    ok(
        subtensor.unstake(
            wallet=bob,
            netuid=NETUID,
            hotkey_ss58=bob.address,
            amount=amount(10).set_unit(NETUID),
        )
    )
    axon = bt.Axon(
        wallet=bob, port=8091, ip="127.0.0.2", external_ip="127.0.0.2", external_port=8091
    )
    ok(subtensor.serve_axon(netuid=NETUID, axon=axon))
    ok(subtensor.set_weights(wallet=alice, netuid=NETUID, uids=[1], weights=[1.0]))
    assert dict(subtensor.weights(NETUID))[0] == [(1, 65535)]
    metagraph = subtensor.metagraph(NETUID)
    assert metagraph.hotkeys == [alice.address, bob.address]
    assert metagraph.axons[1].ip == "127.0.0.2"
    charlie = DevWallet(Keypair, "//Charlie")
    shielded = subtensor.burned_register(
        wallet=charlie, netuid=NETUID, mev_protection=True
    )
    ok(shielded)
    assert subtensor.is_hotkey_registered(charlie.address, NETUID)


def main(url):
    subtensor = bt.Subtensor(network=url)
    alice, bob = DevWallet(Keypair, "//Alice"), DevWallet(Keypair, "//Bob")
    reads(subtensor, alice)
    takes_part(subtensor, alice, bob)


main(sys.argv[1])
print("ok")
