//! The door from both sides.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Mutex;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::sync::oneshot;

use crate::subnet::plugin::Digest;

use super::*;

#[derive(Default)]
struct Node {
    offers: Mutex<Vec<Offer>>,
}

fn id(version: &str) -> PluginId {
    PluginId {
        name: "score".into(),
        version: version.into(),
        digest: Digest([7; 32]),
        settings: Digest([0; 32]),
    }
}

#[async_trait]
impl Admin for Node {
    async fn status(&self) -> serde_json::Value {
        serde_json::json!({ "role": "miner" })
    }
    async fn plugins(&self) -> PluginList {
        PluginList::default()
    }
    async fn history(&self) -> serde_json::Value {
        serde_json::Value::Null
    }

    async fn change(&self, change: Change) -> Result<Swapped, Refusal> {
        Err(Refusal {
            reason: format!("{change:?}"),
            remedy: String::new(),
        })
    }

    async fn providers(&self) -> serde_json::Value {
        serde_json::json!([])
    }

    async fn offers(&self, query: Query) -> serde_json::Value {
        serde_json::json!({ "asked": query })
    }

    async fn held(&self) -> Option<serde_json::Value> {
        None
    }

    async fn accept(&self) -> Result<Option<serde_json::Value>, String> {
        Ok(None)
    }

    async fn reload(&self) -> Result<Reloaded, String> {
        Err("netuid: a mistake".to_owned())
    }

    async fn inspect(&self, _: &str) -> Option<serde_json::Value> {
        None
    }
    async fn swap(&self, offer: Offer) -> Result<Swapped, Refusal> {
        self.offers.lock().unwrap().push(offer);
        Ok(Swapped {
            old: Some(id("1")),
            new: id("2"),
        })
    }
}

struct Running {
    root: tempfile::TempDir,
    node: Arc<Node>,
    end: Option<oneshot::Sender<()>>,
    task: tokio::task::JoinHandle<()>,
}

use std::sync::Arc;

impl Running {
    fn start() -> Self {
        let root = tempfile::tempdir().unwrap();
        let door = Door::open(&root.path().join("state")).unwrap();
        let node = Arc::new(Node::default());
        let (end, ended) = oneshot::channel::<()>();
        let admin: Arc<dyn Admin> = node.clone();
        let task = tokio::spawn(serve(door, admin, async move {
            let _ = ended.await;
        }));
        Self {
            root,
            node,
            end: Some(end),
            task,
        }
    }

    fn folder(&self) -> PathBuf {
        self.root.path().join("state")
    }

    fn client(&self) -> Client {
        Client::new(&self.folder())
    }

    async fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = UnixStream::connect(self.folder().join("admin.sock"))
            .await
            .unwrap();
        // The node may hang up before it has read everything.
        let _ = stream.write_all(bytes).await;
        let _ = stream.shutdown().await;
        let mut reply = String::new();
        let _ = stream.read_to_string(&mut reply).await;
        reply
    }
}

#[tokio::test]
async fn a_file_and_its_manifest_reach_the_node_as_bytes_with_what_was_said() {
    let running = Running::start();
    let file = running.root.path().join("p.wasm");
    std::fs::write(&file, b"\0asm").unwrap();
    let swap = async |approval| {
        running
            .client()
            .swap("score", &file, approval, Rehearsal::Demanded)
            .await
    };
    let swapped = swap(Approval::Pin).await.unwrap();
    assert_eq!(swapped.new, id("2"));
    std::fs::write(running.root.path().join("p.manifest"), b"signed").unwrap();
    swap(Approval::Signatures).await.unwrap();
    let offers = running.node.offers.lock().unwrap();
    assert_eq!(offers[0].bytes, b"\0asm");
    assert_eq!(
        (offers[0].approval, &offers[0].manifest),
        (Approval::Pin, &None)
    );
    assert_eq!(offers[1].approval, Approval::Signatures);
    assert_eq!(offers[1].manifest.as_deref(), Some(&b"signed"[..]));
}

#[tokio::test]
async fn what_is_no_regular_file_is_refused() {
    let running = Running::start();
    for path in ["/dev/zero", "/", "/no/such/file", "relative"] {
        let path = Path::new(path);
        let swap = running
            .client()
            .swap("score", path, Approval::Pin, Rehearsal::Waived)
            .await;
        assert!(matches!(swap, Err(AdminError::Refused(_))), "{path:?}");
    }
}

#[tokio::test]
async fn garbage_and_endless_lines_leave_the_node_answering() {
    let running = Running::start();
    assert!(running.raw(b"hello\n").await.contains("failed"));
    assert_eq!(running.raw(&vec![b'x'; 100_000]).await, "");
    assert_eq!(running.raw(b"").await, "");
    assert_eq!(running.client().status().await.unwrap()["role"], "miner");
}

#[tokio::test]
async fn only_the_owner_can_see_the_socket() {
    let running = Running::start();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&running.folder()), 0o700);
    assert_eq!(mode(&running.folder().join("admin.sock")), 0o600);
}

#[tokio::test]
async fn a_folder_that_others_may_enter_is_refused_with_the_line_to_type() {
    let root = tempfile::tempdir().unwrap();
    let open = root.path().join("open");
    std::fs::create_dir(&open).unwrap();
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o755)).unwrap();
    let error = Door::open(&open).unwrap_err().to_string();
    assert!(error.contains("chmod 700"), "{error}");
}

#[tokio::test]
async fn one_folder_holds_one_node() {
    let running = Running::start();
    let error = Door::open(&running.folder()).unwrap_err().to_string();
    assert!(error.contains("another node runs in"), "{error}");
}

#[tokio::test]
async fn a_path_too_long_for_a_socket_is_pointed_to() {
    let root = tempfile::tempdir().unwrap();
    let state = root.path().join("x".repeat(120)).join("state");
    let door = Door::open_with(&state, root.path()).unwrap();
    assert!(door.path().as_os_str().len() <= 103);
    let (end, ended) = oneshot::channel::<()>();
    let admin: Arc<dyn Admin> = Arc::new(Node::default());
    let task = tokio::spawn(serve(door, admin, async move {
        let _ = ended.await;
    }));
    assert!(Client::new(&state).status().await.is_ok());
    drop(end);
    task.await.unwrap();
}

#[tokio::test]
async fn a_node_that_ended_is_not_running_and_its_folder_is_free() {
    let mut running = Running::start();
    drop(running.end.take());
    (&mut running.task).await.unwrap();
    let error = running.client().status().await.unwrap_err();
    assert!(matches!(error, AdminError::NotRunning(_)), "{error}");
    assert!(Door::open(&running.folder()).is_ok());
}
