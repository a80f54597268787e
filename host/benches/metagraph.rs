//! What reading a subnet of 256 neurons takes: calls, bytes, and time to decode.
//!
//! Decoding follows the runtime's own description, so that an upgrade needs no
//! new release; the limit beside it is the same bytes decoded into a struct that
//! has exactly the runtime's fields. Over the wire the development chain answers
//! through a proxy that counts, with the same 256 neurons in its answer.
//!
//! `cargo bench -p host --bench metagraph`
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

#[path = "metagraph/answer.rs"]
mod answer;
#[allow(dead_code, reason = "the tests use more of it")]
#[path = "../tests/it/chain/proxy.rs"]
mod proxy;

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use host::chain::{self, Keys, Offline};
use host::devchain::{self, Pace};
use host::subnet::chain::Chain as _;
use host::subnet::events::Unobserved;
use parity_scale_codec::{Decode as _, Encode as _};
use proxy::{Fate, Proxy, with_result};
use serde_json::json;

const METADATA: &[u8] = include_bytes!("../src/devchain/metadata/spec461_v15.scale");
const SPEC: u32 = 461;
const NETUID: u16 = 1;
const ROUNDS: u32 = 300;

/// An `Option` with the answer in it.
fn bytes() -> Vec<u8> {
    Some(answer::answer()).encode()
}

fn decode(c: &mut Criterion) {
    let bytes = bytes();
    let offline = Offline::new(METADATA, SPEC).unwrap();
    let metagraph = offline.metagraph(NETUID, &bytes).unwrap();
    assert_eq!(metagraph.neurons.len(), usize::from(answer::NEURONS));
    assert!(metagraph.neurons.iter().all(|neuron| neuron.axon.is_some()));
    let raw = || Option::<answer::Answer>::decode(&mut &*bytes).unwrap();
    let mut group = c.benchmark_group("metagraph of 256");
    group.bench_function("ours", |b| b.iter(|| offline.metagraph(NETUID, &bytes)));
    group.bench_function("raw", |b| b.iter(raw));
    group.finish();
    let ours = each(|| drop(black_box(offline.metagraph(NETUID, &bytes))));
    let raw = each(|| drop(black_box(raw())));
    let ratio = ours.as_secs_f64() / raw.as_secs_f64();
    println!(
        "metagraph of 256 neurons: {} bytes; decoded by description in {ours:?}, into a struct of its fields in {raw:?}: {ratio:.1} times",
        bytes.len()
    );
}

fn each(mut work: impl FnMut()) -> Duration {
    let began = Instant::now();
    for _ in 0..ROUNDS {
        work();
    }
    began.elapsed() / ROUNDS
}

fn wire(_: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let options = devchain::Options {
            listen: ([127, 0, 0, 1], 0).into(),
            pace: Pace::Manual,
            ..devchain::Options::default()
        };
        let chain = devchain::start(options).await.unwrap();
        let proxy = Proxy::to(&chain.url()).await;
        let large = format!("0x{}", hex::encode(bytes()));
        proxy.on_answer(move |asked, answer| {
            match asked.params[0] == "SubnetInfoRuntimeApi_get_metagraph" {
                true => Fate::Replace(with_result(answer, json!(large))),
                false => Fate::Pass,
            }
        });
        let options = chain::Options {
            endpoints: vec![proxy.url()],
            ..chain::Options::default()
        };
        let client = chain::connect(options, Keys::default(), Arc::new(Unobserved)).unwrap();
        client.metagraph(NETUID).await.unwrap();
        proxy.taken();
        let began = Instant::now();
        client.metagraph(NETUID).await.unwrap();
        let elapsed = began.elapsed();
        let (asked, received) = proxy.taken();
        let methods: Vec<&str> = asked.iter().map(|asked| asked.method.as_str()).collect();
        println!(
            "metagraph of 256 neurons over the wire: {} calls ({}), {received} bytes, {elapsed:?}",
            methods.len(),
            methods.join(", ")
        );
    });
}

criterion_group!(benches, decode, wire);
criterion_main!(benches);
