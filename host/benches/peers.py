"""What a signed request costs our axon and Python's servers, in CPU time of the server.

    cargo bench -p host --bench axon --no-run          # says which file it built
    python host/benches/peers.py BENCH_FILE V10 V11

V10 and V11 are environments with host/tests/python/v10.txt and v11.txt; run this
with V10's python. One run asks all of them the same requests over one
connection each: the classic Echo of bittensor 10.5.0's Axon, and btauth/1 of a
FastAPI server with bittensor 11.3.0's http_auth. CPU time is that of the
server's process, from /proc; the caller's does not count.
"""

import hashlib
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

from bittensor_wallet import Keypair

ALICE, BOB = (Keypair.create_from_uri(uri) for uri in ("//Alice", "//Bob"))
SCRIPTS = Path(__file__).parent.parent / "tests" / "python"
TICKS = os.sysconf("SC_CLK_TCK")
UUID = "46199c12-e677-11f1-9df4-02fc00000001"
BODY = {"prompt": "hello there", "n": 3, "tags": [], "meta": {}}


def sha3(text):
    return hashlib.sha3_256(text.encode()).hexdigest()


def classic():
    digest = sha3("".join(sha3(str(value)) for value in BODY.values()))
    nonce = time.time_ns()
    message = f"{nonce}.{ALICE.ss58_address}.{BOB.ss58_address}.{UUID}.{digest}"
    headers = {
        "name": "Echo",
        "timeout": "12.0",
        "bt_header_axon_ip": "127.0.0.1",
        "bt_header_axon_port": "8091",
        "bt_header_axon_hotkey": BOB.ss58_address,
        "bt_header_dendrite_ip": "203.0.113.7",
        "bt_header_dendrite_version": "10005000",
        "bt_header_dendrite_nonce": str(nonce),
        "bt_header_dendrite_uuid": UUID,
        "bt_header_dendrite_hotkey": ALICE.ss58_address,
        "bt_header_dendrite_signature": "0x" + ALICE.sign(message).hex(),
        "bt_header_input_obj_prompt": "IiI=",
        "computed_body_hash": digest,
        "content-type": "application/json",
    }
    return "/Echo", headers, json.dumps(BODY).encode()


def btauth():
    path, body, nonce = "/compute-subnet/1/describe", b"", time.time_ns()
    message = "\n".join(
        ["btauth/1", "sr25519", "POST", path, hashlib.sha256(body).hexdigest(), str(nonce),
         ALICE.ss58_address, BOB.ss58_address]
    )
    headers = {
        "X-Bittensor-Version": "1",
        "X-Bittensor-Hotkey": ALICE.ss58_address,
        "X-Bittensor-Receiver": BOB.ss58_address,
        "X-Bittensor-Nonce": str(nonce),
        "X-Bittensor-Signature": "0x" + ALICE.sign(message).hex(),
    }
    return path, headers, body


class Server:
    def __init__(self, name, command):
        self.name = name
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        for line in self.process.stdout:
            if line.startswith("listening "):
                break
        self.connection = socket.create_connection(("127.0.0.1", int(line.split()[1])))
        self.file = self.connection.makefile("rb")

    def cpu_seconds(self):
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def ask(self, make):
        path, headers, body = make()
        lines = [f"POST {path} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self.connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        status, length = self.file.readline(), 0
        while (line := self.file.readline()) != b"\r\n":
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        answer = self.file.read(length)
        assert b" 200 " in status, (self.name, status, answer)

    def cost(self, make, rounds):
        for _ in range(20):
            self.ask(make)
        before = self.cpu_seconds()
        for _ in range(rounds):
            self.ask(make)
        return (self.cpu_seconds() - before) / rounds

    def end(self):
        self.connection.close()
        self.process.stdin.close()
        self.process.wait(10)


def main():
    bench, v10, v11 = sys.argv[1:4]
    ours = Server("our axon", [bench, "--serve"])
    axon = Server("bittensor 10.5.0's Axon", [f"{v10}/bin/python", SCRIPTS / "serve_axon.py"])
    fastapi = Server("FastAPI with http_auth 11.3.0", [f"{v11}/bin/python", SCRIPTS / "http_auth_server.py"])
    for wire, make, other, aim in [("classic", classic, axon, 50), ("btauth/1", btauth, fastapi, 5)]:
        own = ours.cost(make, 3000)
        theirs = other.cost(make, 300)
        print(
            f"{wire}: our axon {own * 1e6:.0f} us, {other.name} {theirs * 1e6:.0f} us of CPU time "
            f"a request: {theirs / own:.1f} times (aim: at least {aim})",
            flush=True,
        )
    for server in (ours, axon, fastapi):
        server.end()


main()
