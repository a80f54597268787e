//! Answers the socket: one task a connection, each bounded in size and time.

use std::fs::{File, OpenOptions};
use std::future::Future;
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::OFlags;
use tokio::io::AsyncWriteExt as _;
use tokio::net::UnixStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::subnet::text::escape;

use super::place::Door;
use super::protocol::{
    ANSWER_TIMEOUT, REQUEST_BYTES_MAX, REQUEST_TIMEOUT, Reply, Request, encode, line,
};
use super::{Admin, COMPONENT_BYTES_MAX, MANIFEST_BYTES_MAX, Offer, Refusal};

/// Connections answered at once; the next waits in the socket's backlog.
const CONNECTIONS_MAX: usize = 8;
/// Pause after a failed accept, so that a full file table does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Answers until `shutdown`, then lets nobody in; requests under way are dropped.
pub async fn serve(door: Door, admin: Arc<dyn Admin>, shutdown: impl Future<Output = ()>) {
    let mut tasks = tokio::task::JoinSet::new();
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    tokio::pin!(shutdown);
    loop {
        let accepted = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (door.listener.accept().await, place)
        };
        let (accepted, place) = tokio::select! {
            () = &mut shutdown => return,
            Some(_) = tasks.join_next() => continue,
            accepted = accepted => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                let admin = Arc::clone(&admin);
                tasks.spawn(async move {
                    let _place = place;
                    if let Err(error) = answer(stream, &*admin).await {
                        tracing::debug!(%error, "an admin connection broke off");
                    }
                });
            }
            Err(error) => {
                tracing::warn!(%error, "the admin socket accepts nobody");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn answer(mut stream: UnixStream, admin: &dyn Admin) -> io::Result<()> {
    if !is_trusted(&stream)? {
        tracing::warn!("another user's process knocked at the admin socket");
        return Ok(());
    }
    let request = timeout(REQUEST_TIMEOUT, line(&mut stream, REQUEST_BYTES_MAX)).await??;
    let reply = match serde_json::from_slice::<Request>(&request) {
        Ok(request) => timeout(ANSWER_TIMEOUT, carry_out(request, admin))
            .await
            .unwrap_or_else(|_| Reply::Failed(format!("not done within {ANSWER_TIMEOUT:?}"))),
        Err(error) => Reply::Failed(format!("not a request this node knows: {error}")),
    };
    timeout(REQUEST_TIMEOUT, stream.write_all(&encode(&reply)?)).await??;
    stream.shutdown().await
}

/// Whether the other end is the same user, or root.
pub(super) fn is_trusted(stream: &UnixStream) -> io::Result<bool> {
    let peer = stream.peer_cred()?.uid();
    Ok(peer == rustix::process::geteuid().as_raw() || peer == 0)
}

async fn carry_out(request: Request, admin: &dyn Admin) -> Reply {
    match request {
        Request::Status => Reply::Done(admin.status().await),
        Request::Plugins => done(&admin.plugins().await),
        Request::History => Reply::Done(admin.history().await),
        Request::Change(change) => match admin.change(change).await {
            Ok(swapped) => done(&swapped),
            Err(refusal) => Reply::Refused(refusal),
        },
        Request::Providers => Reply::Done(admin.providers().await),
        Request::Offers(query) => Reply::Done(admin.offers(query).await),
        Request::Rentals(asked) => match admin.landlord() {
            Some(landlord) => asked.carry_out(&*landlord).await,
            None => Reply::Failed(
                "only a miner lets machines, and a validator with an operator API rents; \
                     name the node with --role or --state-folder"
                    .to_owned(),
            ),
        },
        Request::Held => Reply::Done(admin.held().await.unwrap_or_default()),
        Request::Accept => match admin.accept().await {
            Ok(Some(accepted)) => Reply::Done(accepted),
            Ok(None) => {
                Reply::Failed("the guard holds nothing; `host guard` shows what it does".to_owned())
            }
            Err(why) => Reply::Failed(why),
        },
        Request::Reload => match admin.reload().await {
            Ok(reloaded) => done(&reloaded),
            Err(why) => Reply::Failed(why),
        },
        Request::Inspect { name } => admin.inspect(&name).await.map_or_else(
            || {
                Reply::Failed(format!(
                    "no plugin `{}` is active; `host plugin list` names them",
                    escape(&name)
                ))
            },
            Reply::Done,
        ),
        Request::Swap {
            name,
            file,
            approval,
            rehearsal,
        } => {
            let offer = Offer {
                name,
                origin: PathBuf::from(file),
                bytes: Vec::new(),
                manifest: None,
                approval,
                rehearsal,
            };
            swap(offer, admin).await
        }
    }
}

/// Reads the files of an offer, and makes it.
async fn swap(mut offer: Offer, admin: &dyn Admin) -> Reply {
    let file = offer.origin.clone();
    let read = tokio::task::spawn_blocking(move || package(&file)).await;
    (offer.bytes, offer.manifest) = match read.unwrap_or_else(|error| Err(io::Error::other(error)))
    {
        Ok(read) => read,
        Err(error) => {
            return Reply::Refused(Refusal {
                reason: format!("cannot read {}: {error}", offer.origin.display()),
                remedy: "the node reads the file itself: give it one it may read".to_owned(),
            });
        }
    };
    match admin.swap(offer).await {
        Ok(swapped) => done(&swapped),
        Err(refusal) => Reply::Refused(refusal),
    }
}

fn done(value: &impl serde::Serialize) -> Reply {
    match serde_json::to_value(value) {
        Ok(value) => Reply::Done(value),
        Err(error) => Reply::Failed(error.to_string()),
    }
}

/// A file, and the manifest beside it if there is one.
fn package(path: &Path) -> io::Result<(Vec<u8>, Option<Vec<u8>>)> {
    let bytes = regular(path, COMPONENT_BYTES_MAX)?;
    match regular(&path.with_extension("manifest"), MANIFEST_BYTES_MAX) {
        Ok(manifest) => Ok((bytes, Some(manifest))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok((bytes, None)),
        Err(error) => Err(error),
    }
}

/// The bytes of a regular file, all of them or an error.
fn regular(path: &Path, max: u64) -> io::Result<Vec<u8>> {
    let invalid = |message: String| io::Error::new(io::ErrorKind::InvalidInput, message);
    if !path.is_absolute() {
        return Err(invalid("the path is not absolute".to_owned()));
    }
    // Not to wait for ever on a pipe that somebody called plugin.wasm.
    let nonblocking = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or(0);
    let file: File = OpenOptions::new()
        .read(true)
        .custom_flags(nonblocking)
        .open(path)?;
    if !file.metadata()?.is_file() {
        return Err(invalid("not a regular file".to_owned()));
    }
    let mut bytes = Vec::new();
    file.take(max + 1).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|size| size <= max) {
        return Ok(bytes);
    }
    Err(invalid(format!("more than {max} bytes")))
}
