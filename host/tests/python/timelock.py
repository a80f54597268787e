"""Seals and opens by timelock as Bittensor's own package does, without a network.

Arguments: the signature of a round, the round, a message of ours sealed for it,
all but the round in hexadecimal. Prints what the message is, then a message of
the package's own ("from python"), sealed for the same round.
"""

import sys

try:
    import bittensor_core as timelock  # bittensor 11
except ImportError:
    import bittensor_drand as timelock  # bittensor 10

signature, round_number, sealed = sys.argv[1], int(sys.argv[2]), bytes.fromhex(sys.argv[3])

print(timelock.decrypt_with_signature(sealed, signature).hex())
print(timelock.encrypt_at_round(b"from python", round_number)[0].hex())
