//! Files that are not what their name says.

use host::plugin::package::PackageSource as _;
use host::plugin::{AdmissionError, FileSource};
use host::subnet::plugin::World;

use super::component::Recipe;
use super::stage::{POLICY, Stage, pin};

const MIB_200: u64 = 200 << 20;

#[tokio::test]
async fn a_file_of_200_mib_is_not_read() {
    let stage = Stage::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("policy.wasm");
    let file = std::fs::File::create(&path).unwrap();
    // Sparse: it takes no room, and would take memory if it were read.
    file.set_len(MIB_200).unwrap();
    let bytes_max = stage.engine.limits().component_bytes_max;
    let fetch = async {
        FileSource { path, bytes_max }
            .fetch()
            .map(|package| package.digest)
    };
    let refused = stage.during("200 MiB", fetch).await;
    assert_eq!(
        refused,
        Err(AdmissionError::TooLarge {
            bytes: MIB_200,
            max: bytes_max
        })
    );
    stage.policy_is(POLICY).await;
}

#[tokio::test]
async fn a_file_that_was_cut_off_anywhere_is_refused() {
    let stage = Stage::new();
    let whole = Recipe::honest(World::ScoringPolicy, "hostile-policy").cook();
    for part in 0..16 {
        let cut = whole[..whole.len() * part / 16].to_vec();
        let what = format!("{part} sixteenths");
        let offer = stage.registry.swap("policy", cut, pin());
        let refused = stage.during(&what, offer).await.expect_err(&what);
        assert!(
            matches!(
                refused,
                AdmissionError::NotWasm
                    | AdmissionError::Malformed(_)
                    | AdmissionError::NotAPlugin { .. }
                    | AdmissionError::MissingExport { .. }
            ),
            "{what}: {refused:?}"
        );
        stage.policy_is(POLICY).await;
    }
}
