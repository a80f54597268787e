//! What a signed request costs an axon, against the signatures alone.
//!
//! An axon cannot do less than verify one signature, and make one where it signs
//! its answer (btauth/1 between our nodes; the classic wire signs none). The
//! figure to watch is the share of an axon's CPU time that those take: the axon
//! has a thread of its own, whose CPU time is read before and after so many
//! requests over one connection, and the bare signatures run on that thread too.
//!
//! With `--serve` it is an axon for `peers.py`, which compares it with Python's.

#![allow(missing_docs, clippy::unwrap_used)]

#[path = "axon/client.rs"]
mod client;
#[path = "axon/server.rs"]
mod server;

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::Criterion;
use host::subnet::key::{Signer as _, verify};
use host::synapse::btauth::{self, Btauth};
use host::synapse::clock::{Clock as _, SystemClock};
use host::synapse::replay::ReplayStore;
use host::synapse::verify::Verifier;
use hyper::header::HeaderMap;

use client::{Client, Wire, arrived};
use server::{Key, Server};

const ROUNDS: u32 = 2000;

fn share(server: &Server, wire: Wire) {
    let mut client = Client::new(server.address(), wire);
    (0..50).for_each(|_| client.ask());
    let before = server.cpu_time();
    (0..ROUNDS).for_each(|_| client.ask());
    let request = (server.cpu_time() - before) / ROUNDS;
    let bare = server.bare(wire, ROUNDS) / ROUNDS;
    let share = bare.as_secs_f64() / request.as_secs_f64();
    println!(
        "{wire:?}: a request {request:?} of the axon's CPU time, bare signatures {bare:?}, \
         share {share:.2} (aim: at least 0.60)"
    );
}

fn criterion(criterion: &mut Criterion) {
    let key = Key::new(1);
    let message = [7; 300];
    let signature = key.sign(&message);
    criterion.bench_function("bare verify", |b| {
        b.iter(|| assert!(verify(&key.account(), black_box(&message), &signature)));
    });
    criterion.bench_function("verify a request", |b| {
        let replays = ReplayStore::new(server::unlimited());
        let me = Key::new(2).account();
        let verifier = Verifier::new(&me, Arc::new(SystemClock), 0, replays);
        b.iter_batched(
            || btauth::sign(key.as_ref(), arrived(), &me, SystemClock.unix_ns()),
            |headers| {
                let headers: HeaderMap = headers.into_iter().collect();
                verifier.verify(&Btauth, &headers, arrived()).unwrap()
            },
            criterion::BatchSize::SmallInput,
        );
    });
}

fn main() {
    if std::env::args().any(|argument| argument == "--serve") {
        server::serve_until_stdin_ends();
        return;
    }
    let server = Server::start();
    for wire in [Wire::Classic, Wire::Btauth] {
        share(&server, wire);
    }
    let mut short = Criterion::default()
        .measurement_time(Duration::from_secs(3))
        .configure_from_args();
    criterion(&mut short);
    short.final_summary();
}
