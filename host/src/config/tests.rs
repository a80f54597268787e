//! What an operator sees, layer by layer.
#![allow(clippy::unwrap_used)]

use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::subnet::trust::Subject;

use super::*;

fn folders(root: &Path) -> Folders {
    Folders {
        home: root.join("home"),
        config: root.join("config"),
        state: root.join("state"),
    }
}

struct Case {
    root: tempfile::TempDir,
    sources: Sources,
}

impl Case {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let sources = Sources {
            file: None,
            environment: Vec::new(),
            overrides: Vec::new(),
            folders: folders(root.path()),
        };
        Self { root, sources }
    }

    fn file(mut self, text: &str) -> Self {
        let path = self.root.path().join("node.toml");
        std::fs::File::create(&path)
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
        self.sources.file = Some(path);
        self
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.sources.environment.push((name.into(), value.into()));
        self
    }

    fn flag(mut self, key: &str, value: &str) -> Self {
        self.sources.overrides.push(Override {
            key: key.into(),
            value: value.into(),
            flag: format!("--{key}"),
        });
        self
    }

    fn load(&self) -> Result<Settings, Problems> {
        Settings::load(self.sources.clone())
    }

    fn complaint(&self) -> String {
        let root = format!("{}/", self.root.path().display());
        self.load().unwrap_err().to_string().replace(&root, "")
    }
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
    let case = Case::new()
        .file("netuid = 1\n[axon]\nport = 1\nip = '127.0.0.1'\n[log]\nlevel = 'debug'")
        .variable("HOST_AXON_PORT", "2")
        .variable("HOST_NETUID", "2")
        .flag("netuid", "3");
    let settings = case.load().unwrap();
    assert_eq!(settings.netuid, Some(3));
    assert_eq!(settings.axon.port, 2);
    assert_eq!(settings.axon.ip.to_string(), "127.0.0.1");
    assert_eq!(settings.log.level, LogLevel::Debug);
}

#[test]
fn a_mistyped_key_is_told_with_its_place_and_the_nearest_name() {
    assert_eq!(
        Case::new().file("[axon]\nprot = 1").complaint(),
        "node.toml:2:1: there is no key `axon.prot`; did you mean `axon.port`?"
    );
    assert_eq!(
        Case::new()
            .variable("HOST_REGISTR_LIMIT_RAO", "1")
            .complaint(),
        "HOST_REGISTR_LIMIT_RAO: there is no such setting; did you mean `HOST_REGISTER_LIMIT_RAO`?"
    );
}

#[test]
fn a_wrong_type_is_told_with_what_is_expected() {
    assert_eq!(
        Case::new().file("[axon]\nport = \"8091\"").complaint(),
        "node.toml:2:1: `axon.port` must be a whole number from 0 to 65535, not `\"8091\"`"
    );
    assert_eq!(
        Case::new().flag("validator.spread", "apart").complaint(),
        "--validator.spread: `validator.spread` must be one of together, in-turn, not `apart`"
    );
    assert_eq!(
        Case::new().file("axon = 5").complaint(),
        "node.toml:1:1: `axon` is a table: write `[axon]` and its keys below it"
    );
}

#[test]
fn all_mistakes_are_told_at_once() {
    let complaint = Case::new()
        .file("netuid = 70000\nwat = 1\n[axon]\nport = -1")
        .complaint();
    assert_eq!(complaint.lines().count(), 3, "{complaint}");
}

#[test]
fn a_foreign_variable_is_a_warning_and_not_an_end() {
    let settings = Case::new()
        .variable("HOST_KUBERNETES_SERVICE", "10.0.0.1")
        .load()
        .unwrap();
    assert_eq!(
        settings.warnings,
        ["HOST_KUBERNETES_SERVICE is no setting of this node"]
    );
}

#[test]
fn escape_codes_in_a_value_do_not_reach_the_terminal() {
    let complaint = Case::new().flag("netuid", "\u{1b}[2J").complaint();
    assert!(!complaint.contains('\u{1b}'), "{complaint}");
}

#[test]
fn a_plugins_table_becomes_dotted_keys_and_arrays_json() {
    let case = Case::new()
        .file("[plugins.score-compute.settings]\nfloor-mops = 10\nnames = ['a', 'b']\n[plugins.score-compute.settings.weight]\nprice = 0.5")
        .flag("plugins.score-compute.settings.floor-mops", "11");
    let table = case.load().unwrap().plugins.settings["score-compute"].clone();
    let pairs: Vec<_> = table.iter().map(|(k, v)| format!("{k}={v}")).collect();
    assert_eq!(
        pairs,
        ["floor-mops=11", r#"names=["a","b"]"#, "weight.price=0.5"]
    );
    assert!(
        Case::new()
            .file("[plugins.score-compute]\nfloor-mops = 1")
            .complaint()
            .contains("[plugins.NAME]")
    );
}

#[test]
fn everything_that_is_missing_is_named_with_what_to_type() {
    let settings = Case::new().flag("role", "miner").load().unwrap();
    let missing = settings.into_config().unwrap_err().to_string();
    for line in [
        "netuid = 12",
        "network = \"finney\"",
        "HOST_WALLET_NAME=default",
        "--netuid 12 --subtensor.network finney --wallet.name default",
    ] {
        assert!(missing.contains(line), "{missing}");
    }
}

#[test]
fn a_roles_own_file_and_state_folder_are_found() {
    let case = Case::new().variable("HOST_ROLE", "validator");
    std::fs::create_dir_all(case.root.path().join("config")).unwrap();
    std::fs::write(case.root.path().join("config/validator.toml"), "netuid = 7").unwrap();
    let settings = case.load().unwrap();
    assert_eq!(settings.netuid, Some(7));
    assert_eq!(
        settings.state_folder,
        case.root.path().join("state/validator")
    );
}

#[test]
fn registration_without_a_limit_is_refused() {
    let complaint = Case::new().flag("register", "true").complaint();
    assert!(complaint.contains("--register-limit-rao"), "{complaint}");
}

#[test]
fn a_named_file_that_is_not_there_is_an_error_and_an_endless_one_too() {
    let mut case = Case::new();
    case.sources.file = Some(PathBuf::from("/no/such/file.toml"));
    assert!(case.complaint().contains("/no/such/file.toml"));
    if cfg!(unix) {
        case.sources.file = Some(PathBuf::from("/dev/zero"));
        assert!(case.complaint().contains("at most 1048576 bytes"));
    }
}

#[test]
fn endpoints_win_over_a_networks_own() {
    let case = Case::new()
        .flag("network", "finney")
        .flag("chain-endpoint", "ws://127.0.0.1:1, ws://127.0.0.1:2");
    let network = case.load().unwrap().network.unwrap();
    assert_eq!(network.name.as_deref(), Some("finney"));
    assert_eq!(network.endpoints.len(), 2);
}

#[test]
fn private_peers_are_called_only_where_somebody_said_so() {
    let allowed = |case: Case| case.load().unwrap().peers.allow_private;
    assert!(!allowed(Case::new()));
    assert!(allowed(Case::new().flag("peers.allow-private", "true")));
    assert!(allowed(
        Case::new().variable("HOST_PEERS_ALLOW_PRIVATE", "true")
    ));
}

#[test]
fn a_wallets_name_cannot_leave_its_folder() {
    for name in ["../x", "a/b", "..", "/etc"] {
        assert!(
            Case::new().flag("wallet.name", name).load().is_err(),
            "{name}"
        );
    }
    assert!(Case::new().flag("wallet.name", "//Alice").load().is_ok());
}

#[test]
fn no_two_keys_share_a_variable() {
    let keys = Settings::keys(&folders(Path::new("/")));
    let mut names: Vec<_> = keys.iter().map(|key| environment_name(key.path)).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), keys.len());
}

proptest::proptest! {
    #[test]
    fn no_override_makes_the_reader_panic(key in "[a-z.-]{0,20}", value in ".{0,40}") {
        let _ = Case::new().flag(&key, &value).load();
    }
}

const ALICE: &str = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";
const BOB: &str = "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty";

#[test]
fn a_rule_demands_all_of_its_keys_unless_it_says_how_many() {
    let file = format!(
        "[trust.plugins.mine]\nkeys = ['{ALICE}', 'ed25519:{BOB}']\n\
         [trust.worlds.scoring-policy]\nkeys = ['{ALICE}', '{BOB}']\nthreshold = 1\n\
         [trust.worlds.data-pack]\npins = ['sha256:{}']",
        "07".repeat(32)
    );
    let trust = Case::new().file(&file).load().unwrap().trust;
    assert_eq!(trust.by_name["mine"].threshold, 2);
    let policy = Subject::from_name("scoring-policy").unwrap();
    assert_eq!(trust.by_subject[&policy].threshold, 1);
    assert_eq!(trust.by_subject[&Subject::DataPack].pins.len(), 1);
}

#[test]
fn a_rule_that_nothing_can_meet_is_a_mistake() {
    for (rule, words) in [
        (
            format!("keys = ['{ALICE}']\nthreshold = 2"),
            "2 signatures are demanded of 1 keys",
        ),
        (format!("keys = ['{ALICE}', '{ALICE}']"), "named twice"),
        (format!("keys = ['{ALICE}']\nthreshold = 0"), "from 1"),
        ("keys = ['somebody']".to_owned(), "`somebody`"),
        ("pins = ['sha256:12']".to_owned(), "64 hexadecimal digits"),
        ("key = []".to_owned(), "there is no such key"),
    ] {
        let case = Case::new().file(&format!("[trust.plugins.mine]\n{rule}"));
        let complaint = case.complaint();
        assert!(complaint.contains(words), "{complaint}");
    }
    let nowhere = Case::new()
        .file("[trust.worlds.scoring]\nkeys = []")
        .complaint();
    assert!(nowhere.contains("data-pack"), "{nowhere}");
}

#[test]
fn a_plugins_limits_and_data_are_read_and_checked() {
    let limits = "[plugins.mine.limits]\nfuel-max = 40_000_000_000\n[plugins.mine.data]\nprices = 'gpu-prices'";
    let plugins = Case::new().file(limits).load().unwrap().plugins;
    assert_eq!(plugins.limits["mine"].fuel_max, Some(40_000_000_000));
    assert_eq!(plugins.data["mine"]["prices"], "gpu-prices");
    for (bad, words) in [
        ("[plugins.mine.limits]\nfuel-max = 1", "from 1000000"),
        ("[plugins.mine.limits]\nfuel = 1", "there is no key"),
        (
            "[plugins.mine.data]\nprices = 'Not A Name'",
            "data pack's name",
        ),
        (
            "[plugins.mine.data]\nprices = 'p'\n[plugins.mine.settings]\nprices = 1",
            "leave out one",
        ),
    ] {
        let complaint = Case::new().file(bad).complaint();
        assert!(complaint.contains(words), "{complaint}");
    }
}

const GRANT: &str = "[plugins.provider-x.grant]\norigins = ['https://api.example.com']\n\
    private-origins = ['http://127.0.0.1:5000']\nmachine = true\n\
    [credentials.x-key]\nfrom = 'file:~/x.key'\nas = 'header:X-API-Key'\n\
    origins = ['https://api.example.com']\nplugins = ['provider-x']";

#[test]
fn a_grant_and_a_credential_are_read() {
    let grants = Case::new().file(GRANT).load().unwrap().grants();
    assert!(grants.machine("provider-x"));
    assert!(!grants.machine("provider-y"));
    let grant = &grants.plugins["provider-x"];
    assert_eq!((grant.origins.len(), grant.private_origins.len()), (1, 1));
    let credential = &grants.credentials["x-key"];
    assert_eq!(credential.usage.to_string(), "header:x-api-key");
    assert!(credential.source.to_string().ends_with("home/x.key"));
    assert!(credential.plugins.contains("provider-x"));
}

#[test]
fn a_grant_that_says_more_or_less_than_it_means_is_a_mistake() {
    let origins = "origins = ['https://a.test']\nplugins = ['p']\n";
    for (file, words) in [
        (
            "[plugins.p.grant]\norigins = ['https://a.test/']".to_owned(),
            "write it as https://a.test",
        ),
        (
            "[plugins.p.grant]\norigins = ['https://*.a.test']".to_owned(),
            "it must be like",
        ),
        (
            "[plugins.p.grant]\norigins = ['http://a.test']".to_owned(),
            "it must be https",
        ),
        (
            "[plugins.p.grant]\norigins = ['http://127.0.0.1:1']".to_owned(),
            "private-origins",
        ),
        (
            "[plugins.p.grant]\norigin = []".to_owned(),
            "there is no such key",
        ),
        ("[plugins.p.grant]\nmachine = 1".to_owned(), "true or false"),
        (
            "[credentials.k]\nfrom = 'env:K'".to_owned(),
            "bound to nothing",
        ),
        (format!("[credentials.k]\n{origins}"), "`from` is missing"),
        (
            format!("[credentials.k]\n{origins}from = 'env:K'\nas = 'header:host'"),
            "act upon",
        ),
        (
            format!("[credentials.K]\n{origins}from = 'env:K'"),
            "lower case",
        ),
    ] {
        let complaint = Case::new().file(&file).complaint();
        assert!(complaint.contains(words), "{complaint}");
    }
}

#[test]
fn a_secret_in_place_of_its_whereabouts_is_not_repeated() {
    let complaint = Case::new()
        .file("[credentials.k]\nfrom = 'rpa_CANARY'\norigins = ['https://a.test']\nplugins = ['p']")
        .complaint();
    assert!(complaint.contains("env:VARIABLE"), "{complaint}");
    assert!(!complaint.contains("CANARY"), "{complaint}");
}
