"""Sends the original compute subnet's Allocate with a real Dendrite of bittensor
10.5.0, in each of its uses, and reads the answers as the original's validator does.

Arguments: the port of a miner's axon, its hotkey, and two public keys for SSH.
"""

import asyncio
import base64
import json
import sys

import bittensor
from bittensor.core.chain_data import AxonInfo
from bittensor.utils import networking
from bittensor_wallet import Keypair
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

networking.get_external_ip = lambda: "203.0.113.7"

PORT, HOTKEY = int(sys.argv[1]), sys.argv[2]
KEY, OTHER_KEY = (key + " me" for key in sys.argv[3:5])


class Allocate(bittensor.Synapse):
    timeline: int = 0
    device_requirement: dict = {}
    checking: bool = True
    output: dict = {}
    public_key: str = ""
    docker_requirement: dict = {
        "base_image": "ubuntu",
        "ssh_key": "",
        "ssh_port": 4444,
        "volume_path": "/tmp",
        "dockerfile": "",
    }
    docker_change: bool = False
    docker_action: dict = {"action": "", "ssh_key": "", "key_type": ""}

    def deserialize(self) -> dict:
        return self.output


def key_pair(bits=2048):
    private = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    pem = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private, pem.decode()


def decrypt(private, info):
    oaep = padding.OAEP(
        mgf=padding.MGF1(algorithm=hashes.SHA256()), algorithm=hashes.SHA256(), label=None
    )
    return json.loads(private.decrypt(base64.b64decode(info), oaep).decode())


DEVICE = {
    "cpu": {"count": 1},
    "gpu": {},
    "hard_disk": {"capacity": 1073741824},
    "ram": {"capacity": 1073741824},
    "testing": False,
}
DOCKER = {
    "base_image": "ubuntu",
    "ssh_key": KEY,
    "ssh_port": 4444,
    "volume_path": "/tmp",
    "dockerfile": "",
}


async def main():
    dendrite = bittensor.Dendrite(wallet=Keypair.create_from_uri("//Alice"))
    axon = AxonInfo(
        version=1, ip="127.0.0.1", port=PORT, ip_type=4, hotkey=HOTKEY, coldkey=HOTKEY
    )
    private, public = key_pair()

    async def ask(**fields):
        answer = await dendrite(axon, Allocate(**fields), timeout=60)
        assert isinstance(answer, dict), answer
        return answer

    async def allocate(**fields):
        wanted = dict(
            timeline=1,
            device_requirement=DEVICE,
            checking=False,
            public_key=public,
            docker_requirement=DOCKER,
        )
        return await ask(**{**wanted, **fields})

    async def act(action, key=public):
        return await ask(
            checking=False,
            docker_change=True,
            public_key=key,
            docker_action={"action": action, "ssh_key": OTHER_KEY, "key_type": "user"},
        )

    def yes(answer):
        assert answer["status"] is True, answer

    def no(answer, *words):
        assert answer["status"] is False, answer
        for word in words:
            assert word in answer["message"], answer

    # Probe.
    yes(await ask(timeline=1, device_requirement=DEVICE, checking=True))
    no(await ask(timeline=0, checking=True, public_key=public))
    too_much = {**DEVICE, "ram": {"capacity": 1 << 60}}
    no(await ask(timeline=1, device_requirement=too_much, checking=True), "ram")

    # What is refused rents nothing.
    no(await allocate(public_key="no key"), "public_key")
    no(await allocate(public_key=key_pair(1024)[1]), "1024 bits")
    no(await allocate(docker_requirement={**DOCKER, "ssh_key": ""}), "ssh_key")

    # Allocate.
    answer = await allocate()
    yes(answer)
    info = decrypt(private, answer["info"])
    assert info == {"username": "root", "password": "", "port": 4444, "version": 190}, info
    assert (answer["host"], answer["port"]) == ("203.0.113.7", 4444), answer
    assert answer["host_key"] == "ssh-ed25519 AAAA", answer
    no(await ask(timeline=1, device_requirement=DEVICE, checking=True), "not free")
    yes(await ask(timeline=0, checking=True, public_key=public))
    other = key_pair()[1]
    no(await ask(timeline=0, checking=True, public_key=other), "allocation key mismatch")
    no(await allocate(public_key=other), "not free")

    # Actions.
    check = dict(timeline=0, checking=True, public_key=public)
    for action in ("exchange_key", "restart", "pause", "unpause", "resume"):
        yes(await act(action))
        if action == "pause":
            no(await ask(**check), "not running")
        else:
            yes(await ask(**check))
    no(await act("pause", other), "allocation key mismatch")
    no(await act("format"), "docker_action.action")

    # Deallocate.
    no(await ask(timeline=0, checking=False, public_key=other), "allocation key mismatch")
    yes(await ask(timeline=0, checking=False, public_key=public))
    no(await ask(timeline=0, checking=True, public_key=public))
    yes(await ask(timeline=1, device_requirement=DEVICE, checking=True))


asyncio.run(main())
