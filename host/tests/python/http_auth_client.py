"""Calls our axon with requests signed by bittensor 11.3.0's http_auth.

Arguments: the axon's URL and hotkey. Prints what came back of each request as
one line of JSON: name, status, body.
"""

import json
import sys
import urllib.error
import urllib.request

import httpx
from bittensor import http_auth
from bittensor.keyfiles import Keypair

URL, RECEIVER = sys.argv[1:]
DESCRIBE = "/compute-subnet/1/describe"
TASK = "/compute-subnet/1/challenge/s-1/0/echo/30000"
ALICE = Keypair.create_from_uri("//Alice")
ALICE_ED25519 = Keypair.create_from_uri("//Alice", crypto_type=0)
CHARLIE = Keypair.create_from_uri("//Charlie")


def signed(key, path, body=b"", receiver=RECEIVER, **more):
    return http_auth.sign(key, method="POST", path=path, body=body, receiver_ss58=receiver, **more)


def say(name, status, body):
    print(json.dumps({"name": name, "status": status, "body": body}), flush=True)


def by_httpx(name, path, headers, body=b"", kind="application/json"):
    with httpx.Client() as client:
        answer = client.post(URL + path, headers={**headers, "Content-Type": kind}, content=body)
    say(name, answer.status_code, answer.text)


def by_urllib(name, path, headers, body=b"", kind="application/json"):
    headers = {**headers, "Content-Type": kind}
    request = urllib.request.Request(URL + path, data=body, headers=headers, method="POST")
    try:
        with urllib.request.urlopen(request) as answer:
            say(name, answer.status, answer.read().decode())
    except urllib.error.HTTPError as answer:
        say(name, answer.code, answer.read().decode())


OCTETS = "application/octet-stream"
by_httpx("httpx", DESCRIBE, signed(ALICE, DESCRIBE))
by_urllib("urllib", DESCRIBE, signed(ALICE, DESCRIBE))
by_httpx("ed25519", DESCRIBE, signed(ALICE_ED25519, DESCRIBE))
by_httpx("a task", TASK, signed(ALICE, TASK, b"abc"), b"abc", OCTETS)
by_urllib("an ed25519 task", TASK, signed(ALICE_ED25519, TASK, b"abc"), b"abc", OCTETS)
by_httpx("another body", TASK, signed(ALICE, TASK, b"abc"), b"abd", OCTETS)
by_httpx("another path", DESCRIBE, signed(ALICE, TASK))
by_httpx("unbound", DESCRIBE, signed(ALICE, DESCRIBE, receiver=None))
by_httpx("another receiver", DESCRIBE, signed(ALICE, DESCRIBE, receiver=CHARLIE.ss58_address))
by_httpx("stale", DESCRIBE, signed(ALICE, DESCRIBE, nonce_ns=1))
by_httpx("a stranger", DESCRIBE, signed(CHARLIE, DESCRIBE))
by_httpx("unsigned", DESCRIBE, {})
once = signed(ALICE, DESCRIBE)
by_httpx("once", DESCRIBE, once)
by_httpx("twice", DESCRIBE, once)
