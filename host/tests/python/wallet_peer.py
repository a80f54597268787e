"""A wallet's other reader and writer: bittensor 11's own, or bittensor_wallet of 10.

make ROOT            writes wallets below ROOT, prints what is in them as JSON
read ROOT TEXT       reads the wallets `wallet.rs` wrote, signs TEXT with each
verify TEXT          checks `[address, crypto type, signature]` lines of standard input
judge                tells of each keyfile, one JSON text a line, whose it is
"""

import json
import sys

PASSWORD = "correct horse battery staple 1!"
PHRASE = "letter advice cage absurd amount doctor acoustic avoid letter advice cage above"
SEED = "0x" + "11" * 32

try:
    from bittensor.keyfiles import Keypair
    from bittensor.wallet import Wallet
    from bittensor_core import deserialize_keypair_from_keyfile_data as deserialize
except ImportError:
    from bittensor_wallet import Keypair, Wallet
    from bittensor_wallet.keyfile import deserialize_keypair_from_keyfile_data as deserialize


def told(keypair):
    return {"address": keypair.ss58_address, "crypto_type": keypair.crypto_type}


def signed(keypair, text):
    return told(keypair) | {"signature": bytes(keypair.sign(text.encode())).hex()}


def make(root):
    made = {}
    wallet = Wallet("plain", "new", root)
    wallet.create_new_coldkey(use_password=False, suppress=True, overwrite=True)
    wallet.create_new_hotkey(use_password=False, suppress=True, overwrite=True)
    made["plain"] = {"coldkey": told(wallet.coldkey), "new": told(wallet.hotkey)}
    for name, secret in (("words", {"mnemonic": PHRASE}), ("seed", {"seed": SEED})):
        for scheme, crypto_type in (("ed25519", 0), ("sr25519", 1)):
            wallet = Wallet("plain", f"{name}-{scheme}", root)
            wallet.regenerate_hotkey(
                **secret, crypto_type=crypto_type, use_password=False, suppress=True, overwrite=True
            )
            made["plain"][f"{name}-{scheme}"] = told(wallet.hotkey)
    wallet = Wallet("locked", "none", root)
    wallet.create_new_coldkey(coldkey_password=PASSWORD, suppress=True, overwrite=True)
    made["locked"] = {"coldkey": told(wallet.coldkey)}
    return made


def read(root, text):
    plain = Wallet("ours", "sr25519", root)
    return {
        "sr25519": signed(plain.hotkey, text),
        "ed25519": signed(Wallet("ours", "ed25519", root).hotkey, text),
        "words": signed(Wallet("ours", "words", root).hotkey, text),
        "coldkey": signed(plain.get_coldkey(PASSWORD), text),
        "coldkeypub": told(plain.coldkeypub),
    }


def verify(text):
    answers = []
    for line in sys.stdin:
        address, crypto_type, signature = json.loads(line)
        keypair = Keypair(ss58_address=address, crypto_type=crypto_type)
        answers.append(keypair.verify(text.encode(), bytes.fromhex(signature)))
    return answers


def judge():
    answers = []
    for line in sys.stdin:
        try:
            keypair = deserialize(json.loads(line).encode())
            keypair.sign(b"x")
            answers.append(keypair.ss58_address)
        except BaseException:  # bittensor_wallet panics, which is no Exception
            answers.append(None)
    return answers


print(json.dumps(globals()[sys.argv[1]](*sys.argv[2:])))
