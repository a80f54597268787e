//! Compilation in a child process, and code that outlives a restart.

use std::path::Path;
use std::time::{Duration, Instant};

use host::plugin::{
    AdmissionError, Approval, Child, Compilation, CompileLimits, Engine, Limits, RegistryError,
    Workshop,
};

use super::support::{Node, POLICY, evidence, limits};

fn pin() -> Approval {
    Approval::Pin { by: "root".into() }
}

fn engine(program: &str, cache: Option<&Path>, limits: Limits) -> Engine {
    let workshop = Workshop {
        compilation: Compilation::Child(Child::of(Path::new(program))),
        cache: cache.map(Path::to_owned),
    };
    Engine::with(limits, workshop).unwrap()
}

const HOST: &str = env!("CARGO_BIN_EXE_host");
/// Whoever compiles with this has not found the code in the cache.
const NOBODY: &str = "/nowhere/host";

fn entries(cache: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(cache).unwrap();
    let mut paths: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "aot"))
        .collect();
    paths.sort();
    paths
}

fn compiler_is_missing(opened: Result<Node, RegistryError>) -> bool {
    matches!(
        opened,
        Err(RegistryError::BuiltIn {
            error: AdmissionError::Compiler(_),
            ..
        })
    )
}

#[tokio::test]
async fn code_from_a_child_answers_as_code_made_here_and_outlives_a_restart() {
    let cache = tempfile::tempdir().unwrap();
    let cache = cache.path();
    let here = Node::misbehaving("ok").policy();
    let here = here.evaluate(&evidence(4)).await.unwrap();

    let node = Node::on(engine(HOST, Some(cache), limits()), "ok").unwrap();
    let child = node.policy().evaluate(&evidence(4)).await.unwrap();
    assert_eq!((child.value, child.fuel), (here.value.clone(), here.fuel));
    assert_eq!(entries(cache).len(), 3);

    let node = Node::on(engine(NOBODY, Some(cache), limits()), "ok").unwrap();
    let kept = node.policy().evaluate(&evidence(4)).await.unwrap();
    assert_eq!((kept.value, kept.fuel), (here.value, here.fuel));

    // Without the cache there would have been no node.
    let without = Node::on(engine(NOBODY, None, limits()), "ok");
    assert!(compiler_is_missing(without));
}

#[tokio::test]
async fn code_that_was_tampered_with_is_thrown_away_and_made_anew() {
    let cache = tempfile::tempdir().unwrap();
    let cache = cache.path();
    drop(Node::on(engine(HOST, Some(cache), limits()), "ok").unwrap());
    let paths = entries(cache);
    for path in &paths {
        let mut entry = std::fs::read(path).unwrap();
        let last = entry.len() - 1;
        entry[last] ^= 1;
        std::fs::write(path, entry).unwrap();
    }
    assert!(compiler_is_missing(Node::on(
        engine(NOBODY, Some(cache), limits()),
        "ok"
    )));
    let node = Node::on(engine(HOST, Some(cache), limits()), "ok").unwrap();
    assert!(node.policy().evaluate(&evidence(1)).await.is_ok());
    assert_eq!(entries(cache), paths);
}

#[tokio::test]
async fn code_of_another_host_is_thrown_away() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    drop(Node::on(engine(HOST, Some(there.path()), limits()), "ok").unwrap());
    std::fs::create_dir_all(here.path()).unwrap();
    for path in entries(there.path()) {
        std::fs::copy(&path, here.path().join(path.file_name().unwrap())).unwrap();
    }
    assert!(compiler_is_missing(Node::on(
        engine(NOBODY, Some(here.path()), limits()),
        "ok"
    )));
}

fn leb(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(number & 0x7f).unwrap();
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

fn section(id: u8, content: &[u8]) -> Vec<u8> {
    [&[id][..], &leb(content.len()), content].concat()
}

/// A policy that carries one function of six megabytes, in a module that
/// nobody instantiates: valid, small enough to be read, and hard to compile.
pub(super) fn exploding() -> Vec<u8> {
    // local.get 0, if, local.get 0, local.get 0, i32.mul, local.set 0, end
    let group = [0x20, 0, 0x04, 0x40, 0x20, 0, 0x20, 0, 0x6c, 0x21, 0, 0x0b];
    let body = [&[0_u8][..], &group.repeat(500_000), &[0x0b]].concat();
    let code = [&[1_u8][..], &leb(body.len()), &body].concat();
    let module = [
        b"\0asm\x01\0\0\0".to_vec(),
        section(1, &[1, 0x60, 1, 0x7f, 0]),
        section(3, &[1, 0]),
        section(10, &code),
    ]
    .concat();
    [POLICY.to_vec(), section(1, &module)].concat()
}

/// What becomes of it under `compile`, while the running policy goes on.
async fn offered(compile: CompileLimits) -> (AdmissionError, Duration) {
    let limits = Limits {
        compile,
        ..self::limits()
    };
    let cache = tempfile::tempdir().unwrap();
    // The fixtures are compiled under generous limits, and found again.
    drop(Node::on(engine(HOST, Some(cache.path()), self::limits()), "ok").unwrap());
    let node = Node::on(engine(HOST, Some(cache.path()), limits), "ok").unwrap();
    let before = node.policy().id().clone();
    let policy = node.policy();
    let (mut longest, mut calls) = (Duration::ZERO, 0);
    let swap = node.registry.swap("policy", exploding(), pin());
    tokio::pin!(swap);
    let refused = loop {
        tokio::select! {
            swapped = &mut swap => break swapped.unwrap_err(),
            () = async {
                let begun = Instant::now();
                policy.evaluate(&evidence(4)).await.unwrap();
                longest = longest.max(begun.elapsed());
                calls += 1;
            } => {}
        }
    };
    assert!(calls > 0, "no call ended meanwhile");
    assert_eq!(node.policy().id(), &before);
    assert_eq!(entries(cache.path()).len(), 3);
    (refused, longest)
}

#[tokio::test]
async fn a_component_that_takes_the_compiler_too_much_memory_is_refused() {
    let (refused, _) = offered(CompileLimits {
        memory_bytes_max: 256 << 20,
        ..limits().compile
    })
    .await;
    assert!(
        matches!(refused, AdmissionError::CompilerDied(_)),
        "{refused}"
    );
    assert!(refused.remedy().contains("compile-memory-mib-max"));
}

#[tokio::test]
async fn a_component_that_takes_the_compiler_too_long_is_refused() {
    let (refused, _) = offered(CompileLimits {
        wall_ms_max: 1_500,
        memory_bytes_max: 8 << 30,
        ..limits().compile
    })
    .await;
    let limit = Duration::from_millis(1_500);
    assert_eq!(refused, AdmissionError::CompilerTooSlow(limit));
}

const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";

#[tokio::test]
async fn a_thousand_components_in_one_cost_the_node_nothing() {
    let node = Node::on(engine(HOST, None, limits()), "ok").unwrap();
    let mut nested = EMPTY.to_vec();
    for _ in 0..1_000 {
        nested = [EMPTY, &section(4, &nested)].concat();
    }
    let deep = [POLICY, &section(4, &nested)].concat();
    let wide = [POLICY.to_vec(), section(4, EMPTY).repeat(1_000)].concat();
    for hostile in [deep, wide] {
        // Whether the compiler takes it is the compiler's affair.
        let _ = node.registry.swap("policy", hostile, pin()).await;
        assert!(node.policy().evaluate(&evidence(1)).await.is_ok());
    }
}

#[tokio::test]
async fn native_code_is_never_taken_from_outside() {
    let cache = tempfile::tempdir().unwrap();
    let node = Node::on(engine(HOST, Some(cache.path()), limits()), "ok").unwrap();
    let entry = std::fs::read(&entries(cache.path())[0]).unwrap();
    let code = entry
        .windows(4)
        .position(|bytes| bytes == b"\x7fELF")
        .unwrap();
    for native in [entry[code..].to_vec(), entry] {
        let refused = node.registry.swap("policy", native, pin()).await;
        assert_eq!(refused.unwrap_err(), AdmissionError::NotWasm);
    }
}
