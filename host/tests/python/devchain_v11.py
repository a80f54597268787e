"""bittensor 11.3.0 against the development chain: reads, and every kind of write."""

import asyncio
import sys

import bittensor as bt
from bittensor_core import Keypair

from devchain_common import DevWallet

NETUID = 1
TAO = 10**9


def ok(result):
    assert result.success, result
    return result


async def reads(client, alice):
    assert await client.spec_version() == 461
    assert (await client.balances.get(alice.address)).rao > 0
    everything = await client.subnets.all()
    assert [subnet.netuid for subnet in everything][:2] == [0, 1], everything
    metagraph = await client.subnets.metagraph(NETUID)
    assert [neuron.hotkey for neuron in metagraph.neurons] == [alice.address]
    hyperparameters = await client.subnets.subnet_hyperparameters(NETUID)
    assert hyperparameters, "no hyperparameters"
    assert (await client.staking.positions(alice.address))[0].stake.rao > 0
    assert await client.prices.alpha_prices()
    assert await client.chain.mev_shield_next_key()
    mode = await client.query(bt.storage.SubtensorModule.SubnetEpochConsensus, [NETUID])
    assert mode == "Yuma", mode


async def transfers(client, alice):
    ed = DevWallet(Keypair, "//Ed", crypto_type=0)
    transfer = bt.intents.Transfer(dest_ss58=ed.address, amount_tao=5.0)
    ok(await client.execute(transfer, alice))
    assert (await client.balances.get(ed.address)).rao == 5 * TAO
    back = bt.intents.Transfer(dest_ss58=alice.address, amount_tao=1.0)
    ok(await client.execute(back, ed))
    too_much = bt.intents.Transfer(dest_ss58=alice.address, amount_tao=500.0)
    refused = None
    try:
        refused = await client.execute(too_much, ed)
    except bt.BittensorError:
        pass
    assert refused is None or not refused.success, refused


async def registers(client, bob):
    registered = ok(await client.execute(bt.intents.BurnedRegister(netuid=NETUID), bob))
    assert registered.data["shielded"], registered


async def takes_part(client, alice, bob):
    stake = bt.intents.AddStake(hotkey_ss58=bob.address, netuid=NETUID, amount_tao=2000.0)
    ok(await client.execute(stake, bob))
    before = (await client.staking.get(bob.address, bob.address, NETUID)).rao
    less = bt.intents.RemoveStake(hotkey_ss58=bob.address, netuid=NETUID, amount_alpha=10.0)
    ok(await client.execute(less, bob))
    after = (await client.staking.get(bob.address, bob.address, NETUID)).rao
    assert after < before, (before, after)
    ok(await client.execute(bt.intents.ServeAxon(netuid=NETUID, ip="127.0.0.2", port=8091), bob))
    neurons = (await client.subnets.metagraph(NETUID)).neurons
    assert [neuron.hotkey for neuron in neurons] == [alice.address, bob.address]
    assert "127.0.0.2" in str(neurons[1].axon), neurons[1].axon
    ok(await client.execute(bt.intents.SetWeights(netuid=NETUID, weights={1: 1.0}), alice))
    weights = await client.query(bt.storage.SubtensorModule.Weights, [NETUID, 0])
    assert [tuple(pair) for pair in weights] == [(1, 65535)], weights


def connect(url):
    return bt.Client(url, fallback_endpoints=[], archive_endpoints=[])


async def main(url):
    alice, bob = DevWallet(Keypair, "//Alice"), DevWallet(Keypair, "//Bob")
    async with connect(url) as client:
        await reads(client, alice)
        await transfers(client, alice)
        await registers(client, bob)
    # A client forgets that a shielded call used two nonces: the next one begins anew.
    async with connect(url) as client:
        await takes_part(client, alice, bob)


asyncio.run(main(sys.argv[1]))
print("ok")
