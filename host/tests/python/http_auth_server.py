"""Serves what bittensor 11.3.0's http_auth verified, as //Bob on a free port.

A miner as its guide shows one, in FastAPI: it describes a machine and signs no
answer. Says "listening PORT" once it answers, and ends when its input does.
"""

import os
import socket
import sys
import threading

import uvicorn
from bittensor import http_auth
from bittensor.keyfiles import Keypair
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

ME = Keypair.create_from_uri("//Bob").ss58_address
MACHINE = {
    "id": "",
    "claimed": {"cpu_model": "a CPU", "cpu_threads": 8, "memory_mib": 65536, "disk_mib": 1024},
    "price_micro_usd_per_hour": 7,
    "rented_permille": 0,
    "labels": [],
}
app = FastAPI()


async def caller_of(request: Request):
    target = request.scope["raw_path"].decode()
    if request.scope["query_string"]:
        target += "?" + request.scope["query_string"].decode()
    return http_auth.verify(
        request.headers,
        await request.body(),
        method=request.method,
        path=target,
        self_hotkey_ss58=ME,
    )


@app.exception_handler(http_auth.AuthError)
async def refuse(_request, error):
    return JSONResponse({"detail": str(error)}, status_code=401)


@app.post("/compute-subnet/1/describe")
async def describe(request: Request):
    caller = await caller_of(request)
    software = f"python for {caller.hotkey_ss58} by {caller.crypto_type}"
    return {"software": software, "machines": [MACHINE], "solvers": []}


@app.post("/compute-subnet/1/challenge/{rest:path}")
async def challenge(request: Request):
    await caller_of(request)
    return JSONResponse({"detail": "no solver runs here"}, status_code=422)


def main() -> None:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
    serving = threading.Thread(target=server.run, args=([listener],), daemon=True)
    serving.start()
    while not server.started:
        serving.join(0.05)
    print("listening", listener.getsockname()[1], flush=True)
    sys.stdin.read()
    os._exit(0)


main()
