//! What a renter gets, and what becomes of it.

use std::time::Duration;

use host::machine::DiskLimit;
use host::subnet::workload::{Share, Workload, WorkloadError, WorkloadStatus, Workloads as _};

use super::stage::{NOW, OWNER, Stage};
use super::{Engine, engine};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renter_logs_in_and_finds_what_was_ordered_until_it_ends() {
    let _beside = super::beside_others().await;
    let Some(engine) = engine() else { return };
    let stage = Stage::new(engine, "login");
    let running = stage.launch("one").await;
    assert_eq!(running.labels, stage.workload("one").labels);
    assert_eq!(stage.says(&running, "nproc"), "1");
    let memory = "cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes";
    assert_eq!(stage.says(&running, memory), (64_u64 << 20).to_string());
    assert_eq!(
        stage.says(&running, "touch /root/a && ls /root/a"),
        "/root/a"
    );
    assert_eq!(stage.says(&running, "touch /a /etc/a; ls -d /a /etc/a"), "");
    assert_eq!(stage.ps(&[]).len(), 1);
    let again = stage
        .containers
        .launch(OWNER, stage.workload("one"))
        .await
        .unwrap();
    assert_eq!((again.ssh, stage.ps(&[]).len()), (running.ssh, 1));

    let extended = stage
        .containers
        .extend(OWNER, "one", NOW + 7_200)
        .await
        .unwrap();
    assert_eq!(extended.ends_at, NOW + 7_200);
    assert!(stage.ps(&[])[0].ends_with(&format!(".{}", NOW + 7_200)));
    stage.containers.stop(OWNER, "one").await.unwrap();
    stage.containers.stop(OWNER, "one").await.unwrap();
    assert_eq!((stage.ps(&["-a"]).len(), stage.disks()), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_machine_is_not_let_again_however_many_ask_at_once() {
    let _beside = super::beside_others().await;
    let Some(engine) = engine() else { return };
    let stage = Stage::new(engine, "full");
    let threads = stage.containers.free().await.unwrap().cpu_threads;
    let asked = (0..threads + 3).map(|index| {
        let workload = stage.workload(&format!("n{index}"));
        stage.containers.launch(OWNER, workload)
    });
    let answers = futures::future::join_all(asked).await;
    let had = answers.iter().filter(|answer| answer.is_ok()).count();
    // Memory and disk for eight are let out too.
    assert_eq!(had, usize::try_from(threads.min(8)).unwrap(), "{answers:?}");
    let refused = answers.iter().filter_map(|answer| answer.as_ref().err());
    assert!(
        refused
            .into_iter()
            .all(|error| *error == WorkloadError::NoRoom),
        "{answers:?}"
    );
    assert_eq!(stage.ps(&[]).len(), had);
    let other = stage.containers.list("another-adapter").await.unwrap();
    assert_eq!(other, []);
    let error = stage
        .containers
        .extend("another-adapter", "n0", NOW + 9)
        .await
        .unwrap_err();
    assert_eq!(error, WorkloadError::NoSuchWorkload);
    stage
        .containers
        .stop("another-adapter", "n0")
        .await
        .unwrap();
    assert_eq!(stage.ps(&[]).len(), had);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_comes_though_nobody_asks_and_the_node_began_again() {
    let _beside = super::beside_others().await;
    let Some(engine) = engine() else { return };
    let mut stage = Stage::new(engine, "end");
    stage.launch("one").await;
    stage.again();
    assert_eq!(stage.containers.list(OWNER).await.unwrap().len(), 1);
    stage.pass(3_600);
    let containers = stage.containers.clone();
    let (done, shutdown) = tokio::sync::oneshot::channel::<()>();
    let keeper = tokio::spawn(async move {
        containers.keep(async { drop(shutdown.await) }).await;
    });
    stage.until_empty().await;
    drop(done);
    keeper.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_and_a_fork_bomb_are_their_renters_own_trouble() {
    let _beside = super::beside_others().await;
    let Some(engine) = engine() else { return };
    let stage = Stage::new(engine, "bomb");
    let bad = stage.launch("bad").await;
    let fill = "dd if=/dev/zero of=/root/big bs=1M 2>&1; df -m /root | tail -1";
    let said = stage.says(&bad, fill);
    assert!(said.contains("No space left on device"), "{said}");
    let bomb = "b() { b | b & }; (b) >/dev/null 2>&1 & sleep 3; echo went off";
    let _ = stage.ssh(bad.ssh.as_ref().unwrap(), bomb);
    assert_eq!(stage.engine.docker(&["version", "-f", "ok"]), "ok");
    if stage.containers.free().await.unwrap().cpu_threads > 0 {
        let good = stage.launch("good").await;
        assert_eq!(stage.says(&good, "touch /root/a && echo well"), "well");
    }
    stage.containers.stop(OWNER, "bad").await.unwrap();
    assert!(!stage.ps(&["-a"]).iter().any(|name| name.contains(".bad.")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn disks_in_memory_are_of_their_size_too() {
    let _beside = super::beside_others().await;
    let Some(engine) = engine() else { return };
    let stage = Stage::with_disk(engine, "memory", DiskLimit::Memory);
    let running = stage.launch("one").await;
    let said = stage.says(
        &running,
        "dd if=/dev/zero of=/root/big bs=1M 2>&1; stat -c %s /root/big",
    );
    // But for a page that the file system keeps for itself.
    let written: u64 = said.lines().last().unwrap().trim().parse().unwrap();
    assert!(((31 << 20)..=(32 << 20)).contains(&written), "{said}");
    assert_eq!(
        stage.containers.free().await.unwrap().memory_mib,
        512 - 256 - 64
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_key_no_image_or_too_large_is_refused_before_anything_happens() {
    let _beside = super::beside_others().await;
    let Some(engine) = engine() else { return };
    let stage = Stage::new(engine, "refused");
    let good = stage.workload("one");
    let key = good.ssh_public_key.trim();
    for bad in [
        Workload {
            ssh_public_key: format!("command=\"id\" {key}"),
            ..good.clone()
        },
        Workload {
            ssh_public_key: format!("{key}\n{key}"),
            ..good.clone()
        },
        Workload {
            ssh_public_key: "no key".to_owned(),
            ..good.clone()
        },
        Workload {
            image: "busybox".to_owned(),
            ..good.clone()
        },
        Workload {
            name: "../one".to_owned(),
            ..good.clone()
        },
        Workload {
            ends_at: NOW,
            ..good.clone()
        },
    ] {
        let error = stage.containers.launch(OWNER, bad).await.unwrap_err();
        assert!(matches!(error, WorkloadError::Malformed(_)), "{error}");
    }
    let share = Share {
        memory_mib: 513,
        ..good.share
    };
    let large = Workload { share, ..good };
    assert_eq!(
        stage.containers.launch(OWNER, large).await,
        Err(WorkloadError::NoRoom)
    );
    assert_eq!((stage.ps(&["-a"]).len(), stage.disks()), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_dies_takes_no_rental_along_for_good() {
    let _alone = super::alone().await;
    let Some(mut engine) = Engine::own() else {
        return;
    };
    let (left, before) = {
        let stage = Stage::new(&engine, "dies");
        let running = stage.launch("one").await;
        stage.says(&running, "echo kept > /root/note; sync");
        (stage.leave(), running)
    };
    engine.kill();
    // Nobody to ask: an error that says so, and nothing worse.
    let left = {
        let stage = Stage::back(&engine, left);
        let error = stage.containers.list(OWNER).await.unwrap_err();
        assert!(error.to_string().contains("is it running?"), "{error}");
        stage.leave()
    };
    engine.restart();
    let stage = Stage::back(&engine, left);
    let containers = stage.containers.clone();
    let keeper = tokio::spawn(async move { containers.keep(std::future::pending()).await });
    let after = stage.until_running("one").await;
    keeper.abort();
    assert_eq!((&after.ssh, after.ends_at), (&before.ssh, before.ends_at));
    assert_eq!(stage.says(&after, "cat /root/note"), "kept");
    assert_eq!(after.status, WorkloadStatus::Running);
    stage.containers.stop(OWNER, "one").await.unwrap();
    assert_eq!(stage.disks(), 0);
}

/// An order to a login, against `docker run` of the same image by hand: what the
/// node adds is a disk of its own, rules, and looking before it leaps.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement: cargo test -p host --test it -- --ignored --nocapture rentals::bench"]
async fn bench_an_order_against_docker_run() {
    const RUNS: u32 = 5;
    let _beside = super::beside_others().await;
    let Some(engine) = engine() else { return };
    let stage = Stage::new(engine, "bench");
    let (mut ours, mut by_hand) = (Duration::ZERO, Duration::ZERO);
    for run in 0..RUNS {
        let begun = std::time::Instant::now();
        let name = format!("n{run}");
        let running = stage.launch(&name).await;
        ours += begun.elapsed();
        stage.containers.stop(OWNER, &name).await.unwrap();
        let begun = std::time::Instant::now();
        stage.run_by_hand(&running).await;
        by_hand += begun.elapsed();
        engine.docker(&["rm", "-f", "by-hand"]);
    }
    println!(
        "an order to its SSH greeting: {:?}; docker run by hand: {:?}; ratio {:.2}",
        ours / RUNS,
        by_hand / RUNS,
        ours.as_secs_f64() / by_hand.as_secs_f64()
    );
}
