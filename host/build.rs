//! Builds the `plugins/` workspace, whose components the binary carries.
//!
//! The same bytes on every machine, so that validators can compare digests:
//! always release, one set of flags whatever the environment says, and no path
//! of this machine left inside. The nested target folder is shared by all
//! profiles of the outer one; cargo locks it. Nothing runs again unless a file
//! of a plugin, the contract or the toolchain changed.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

const TARGET: &str = "wasm32-wasip2";

/// Carried by the binary, and the fixtures that tests load.
const COMPONENTS: [&str; 12] = [
    "challenge-matmul",
    "solver-matmul",
    "score-compute",
    "score-level",
    "provider-aws",
    "provider-runpod",
    "provider-lambda",
    "provider-local",
    "fixture-misbehave",
    "fixture-misbehave-generator",
    "fixture-misbehave-solver",
    "fixture-misbehave-provider",
];

/// Variables by which the outer build, or its user, would change the bytes.
const UNWANTED: [&str; 12] = [
    "RUSTFLAGS",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_TARGET_",
    "CARGO_BUILD_",
    "CARGO_PROFILE_",
    "CARGO_INCREMENTAL",
    "CARGO_UNSTABLE_",
    "CARGO_CFG_",
    "CARGO_FEATURE_",
    "CARGO_MANIFEST_",
    "CARGO_PKG_",
    "RUSTC_",
];

fn main() -> ExitCode {
    match build() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("cargo::error={error}");
            ExitCode::FAILURE
        }
    }
}

fn build() -> Result<(), String> {
    let root = root()?;
    watch(&root);
    check_target()?;
    let out = PathBuf::from(variable("OUT_DIR")?);
    let target = target_folder(&out)?;
    let status = cargo(&root, &target)?
        .status()
        .map_err(|error| format!("cargo does not start: {error}"))?;
    if !status.success() {
        return Err("the plugins do not build; see above".into());
    }
    for component in COMPONENTS {
        let file = format!("{}.wasm", component.replace('-', "_"));
        let built = target.join(TARGET).join("release").join(&file);
        std::fs::copy(&built, out.join(&file))
            .map_err(|error| format!("{}: {error}", built.display()))?;
    }
    Ok(())
}

fn variable(name: &str) -> Result<String, String> {
    env::var(name).map_err(|_| format!("{name} is not set; is this run by cargo?"))
}

/// The folder of the repository.
fn root() -> Result<PathBuf, String> {
    let manifest = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
    let root = manifest.parent();
    Ok(root.ok_or("no folder above this package")?.to_path_buf())
}

/// `<target>/plugins`, from `<target>/<profile>/build/<package>/out`.
fn target_folder(out: &Path) -> Result<PathBuf, String> {
    let target = out.ancestors().nth(4);
    Ok(target.ok_or("OUT_DIR is too short")?.join("plugins"))
}

/// Exact, so that `check` and an editor do not build plugins again.
fn watch(root: &Path) {
    let plugins = root.join("plugins");
    let mut watched = vec![
        root.join("wit"),
        root.join("rust-toolchain.toml"),
        plugins.join("Cargo.toml"),
        plugins.join("Cargo.lock"),
    ];
    if let Ok(members) = std::fs::read_dir(&plugins) {
        for member in members.flatten() {
            let manifest = member.path().join("Cargo.toml");
            if manifest.exists() {
                watched.push(manifest);
                watched.push(member.path().join("src"));
            }
        }
    }
    for path in watched {
        println!("cargo::rerun-if-changed={}", path.display());
    }
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=CARGO_HOME");
}

fn check_target() -> Result<(), String> {
    let output = Command::new(variable("RUSTC")?)
        .args(["--print", "target-libdir", "--target", TARGET])
        .output()
        .map_err(|error| format!("rustc does not start: {error}"))?;
    let folder = String::from_utf8_lossy(&output.stdout);
    if Path::new(folder.trim()).is_dir() {
        return Ok(());
    }
    Err(format!(
        "plugins are WebAssembly components: type `rustup target add {TARGET}`"
    ))
}

fn cargo(root: &Path, target: &Path) -> Result<Command, String> {
    let mut cargo = Command::new(variable("CARGO")?);
    for (name, _) in env::vars_os() {
        let unwanted = |prefix: &&str| name.to_string_lossy().starts_with(prefix);
        if UNWANTED.iter().any(unwanted) {
            cargo.env_remove(&name);
        }
    }
    cargo
        .current_dir(root.join("plugins"))
        .env("CARGO_ENCODED_RUSTFLAGS", flags(root)?)
        .args(["build", "--release", "--locked", "--target", TARGET])
        .arg("--target-dir")
        .arg(target);
    for component in COMPONENTS {
        cargo.args(["--package", component]);
    }
    Ok(cargo)
}

/// The paths of this machine, under names that every machine has: those of
/// `plugins/README.md`, so that anyone can build the same bytes by hand.
fn flags(root: &Path) -> Result<String, String> {
    let home = match env::var_os("CARGO_HOME") {
        Some(home) => PathBuf::from(home),
        None => env::home_dir().ok_or("no home folder")?.join(".cargo"),
    };
    let remap = |from: &Path, to: &str| format!("--remap-path-prefix={}={to}", from.display());
    let plugins = remap(&root.join("plugins"), "/plugins");
    Ok([remap(&home, "/cargo"), plugins].join("\x1f"))
}
