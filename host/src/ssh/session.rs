//! One visit, from the pin to the hardware.

use std::borrow::Cow;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Instant;

use russh::client::{AuthResult, Config, Handle, connect_stream};
use russh::keys::{Algorithm, PrivateKey, PrivateKeyWithHashAlg, PublicKey};
use russh::{ChannelMsg, Disconnect, Error, Preferred, SshId, cipher, compression, kex, mac};

use super::commands::{self, OUTPUT_BYTES_MAX};
use super::handler::{Pinned, Shown};
use super::reading::Answers;
use super::stream::{Bounded, Wanted};
use super::{RECEIVED_BYTES_MAX, SshOptions, dial, within};
use crate::subnet::probe::{ProbeError, Seen};
use crate::subnet::provider::SshEndpoint;
use crate::subnet::text::escape;

/// The longest host key, in OpenSSH form, in bytes.
const HOST_KEY_BYTES_MAX: usize = 4 << 10;
/// The longest name of a login, in bytes.
const USER_BYTES_MAX: usize = 64;
/// Buffered messages of a channel: what is not read in time waits in the network.
const MESSAGES_MAX: usize = 8;

/// Exchanges that hold for decades, or for as long as nobody has a quantum computer.
const EXCHANGES: &[kex::Name] = &[
    kex::MLKEM768X25519_SHA256,
    kex::CURVE25519,
    kex::CURVE25519_PRE_RFC_8731,
    kex::EXTENSION_SUPPORT_AS_CLIENT,
    kex::EXTENSION_OPENSSH_STRICT_KEX_AS_CLIENT,
];
const CIPHERS: &[cipher::Name] = &[
    cipher::CHACHA20_POLY1305,
    cipher::AES_256_GCM,
    cipher::AES_256_CTR,
    cipher::AES_128_CTR,
];
/// For the counter modes alone.
const MACS: &[mac::Name] = &[
    mac::HMAC_SHA256_ETM,
    mac::HMAC_SHA512_ETM,
    mac::HMAC_SHA256,
    mac::HMAC_SHA512,
];

/// A machine that let this side in.
struct Inside {
    session: Handle<Pinned>,
    wanted: Wanted,
}

/// Connects, logs in, looks around.
pub(super) async fn visit(
    options: &SshOptions,
    key: &Arc<PrivateKey>,
    at: &SshEndpoint,
) -> Result<Seen, ProbeError> {
    let pin = pin(at)?;
    if !is_user(&at.user) {
        return Err(ProbeError::Malformed("the user's name is none".to_owned()));
    }
    let stream = dial::dial(options, &at.host, at.port).await?;
    let began = Instant::now();
    let mut inside = exchange_keys(options, stream, pin).await?;
    let connect = began.elapsed();
    log_in(options, &mut inside, &at.user, key).await?;
    let login = began.elapsed();
    let mut answers = Answers::default();
    for command in commands::ALL {
        let output = within("answer to a command", options.command_time, async {
            run(&inside, command).await
        });
        answers.add(command, output.await??);
    }
    leave(options, inside).await;
    let hardware = answers.hardware().ok_or_else(|| {
        let nothing = "its shell says neither how many processors nor how much memory there is";
        ProbeError::Protocol(nothing.to_owned())
    })?;
    Ok(Seen {
        hardware,
        connect,
        login,
    })
}

/// The key that has to be there.
fn pin(at: &SshEndpoint) -> Result<PublicKey, ProbeError> {
    let text = at.host_key.as_deref().ok_or(ProbeError::NoHostKey)?;
    if text.len() > HOST_KEY_BYTES_MAX {
        return Err(ProbeError::BadHostKey("too long".to_owned()));
    }
    let pin = PublicKey::from_openssh(text.trim())
        .map_err(|error| ProbeError::BadHostKey(error.to_string()))?;
    match pin.algorithm() {
        Algorithm::Ed25519 | Algorithm::Ecdsa { .. } => Ok(pin),
        other => Err(ProbeError::BadHostKey(escape(other.as_str()))),
    }
}

fn is_user(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=USER_BYTES_MAX).contains(&name.len()) && name.bytes().all(plain)
}

fn config(pin: &PublicKey) -> Config {
    Config {
        client_id: SshId::Standard(Cow::Borrowed("SSH-2.0-host")),
        channel_buffer_size: MESSAGES_MAX,
        preferred: Preferred {
            kex: Cow::Borrowed(EXCHANGES),
            key: Cow::Owned(vec![pin.algorithm()]),
            host_key_certificates: Cow::Borrowed(&[]),
            cipher: Cow::Borrowed(CIPHERS),
            mac: Cow::Borrowed(MACS),
            compression: Cow::Borrowed(&[compression::NONE]),
        },
        ..Config::default()
    }
}

async fn exchange_keys(
    options: &SshOptions,
    stream: tokio::net::TcpStream,
    pin: PublicKey,
) -> Result<Inside, ProbeError> {
    let (stream, wanted) = Bounded::new(stream, options.whole_time);
    let shown = Shown::default();
    let handler = Pinned {
        key: pin.key_data().clone(),
        shown: shown.clone(),
    };
    let connecting = connect_stream(Arc::new(config(&pin)), stream, handler);
    match within("key exchange", options.login_time, connecting).await? {
        Ok(session) => Ok(Inside { session, wanted }),
        Err(error) => Err(match shown.take() {
            Some(fingerprint) => ProbeError::WrongHostKey(fingerprint),
            None => broken(&wanted, &error),
        }),
    }
}

async fn log_in(
    options: &SshOptions,
    inside: &mut Inside,
    user: &str,
    key: &Arc<PrivateKey>,
) -> Result<(), ProbeError> {
    let key = PrivateKeyWithHashAlg::new(key.clone(), None);
    let asking = inside.session.authenticate_publickey(user, key);
    match within("login", options.login_time, asking).await? {
        Ok(AuthResult::Success) => Ok(()),
        // A session that is gone is no answer.
        Ok(AuthResult::Failure { .. }) if !inside.session.is_closed() => {
            Err(ProbeError::LoginRefused)
        }
        Ok(AuthResult::Failure { .. }) => Err(broken(&inside.wanted, &Error::Disconnect)),
        Err(error) => Err(broken(&inside.wanted, &error)),
    }
}

/// Runs one command; `None` if it fails or is not there.
async fn run(inside: &Inside, command: &str) -> Result<Option<Vec<u8>>, ProbeError> {
    let broken = |error: Error| broken(&inside.wanted, &error);
    let mut channel = inside
        .session
        .channel_open_session()
        .await
        .map_err(broken)?;
    channel.exec(true, command).await.map_err(broken)?;
    let (mut output, mut status, mut ended) = (Vec::new(), None, false);
    while !(ended && status.is_some()) {
        match channel.wait().await {
            Some(ChannelMsg::Data { data }) => {
                if output.len() + data.len() > OUTPUT_BYTES_MAX {
                    return Err(ProbeError::TooMuch(OUTPUT_BYTES_MAX));
                }
                output.extend_from_slice(&data);
            }
            Some(ChannelMsg::ExitStatus { exit_status }) => status = Some(exit_status),
            Some(ChannelMsg::ExitSignal { .. } | ChannelMsg::Failure) => status = Some(u32::MAX),
            Some(ChannelMsg::Eof) => ended = true,
            Some(ChannelMsg::Close) => break,
            Some(_) => {}
            None if inside.session.is_closed() => return Err(broken(Error::Disconnect)),
            None => break,
        }
    }
    Ok((status == Some(0)).then_some(output))
}

/// Says good-bye; a machine that does not listen is left all the same.
async fn leave(options: &SshOptions, inside: Inside) {
    let bye = inside
        .session
        .disconnect(Disconnect::ByApplication, "", "en");
    let _ = within("good-bye", options.command_time, bye).await;
}

/// What an error of the library means to whoever asked.
fn broken(wanted: &Wanted, error: &Error) -> ProbeError {
    match error {
        _ if wanted.exceeded() => ProbeError::TooMuch(RECEIVED_BYTES_MAX),
        Error::IO(error) if error.kind() == ErrorKind::UnexpectedEof => hung_up(),
        Error::IO(error) => ProbeError::Unreachable(error.kind().to_string()),
        Error::Disconnect | Error::HUP | Error::SendError | Error::RecvError => hung_up(),
        // The library repeats whole lists of the other side's.
        Error::NoCommonAlgo { kind, .. } => {
            ProbeError::Protocol(format!("no {kind:?} algorithm that this node accepts"))
        }
        other => ProbeError::Protocol(escape(&other.to_string())),
    }
}

fn hung_up() -> ProbeError {
    ProbeError::Unreachable("it hung up".to_owned())
}
