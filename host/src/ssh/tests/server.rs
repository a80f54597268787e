//! A machine with an SSH server of this process, and the manners a test gives it.

use std::borrow::Cow;
use std::sync::{Arc, Mutex};

use russh::keys::ssh_key::private::Ed25519Keypair;
use russh::server::{
    Auth, ChannelOpenHandle, Config, Handle, Handler, Msg, Session, VerifiedPublicKey, run_stream,
};
use russh::{Channel, ChannelId, Error, Preferred, kex};
use tokio::net::TcpListener;

use super::*;
use crate::ssh::commands;

/// How a machine behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manners {
    Plain,
    ShowsNoMemory,
    RefusesLogins,
    NeverDecides,
    GreetsAtLength,
    RejectsChannels,
    NeverAnswers,
    NeverEnds,
    AnswersForEver,
    /// Tries to open channels into this node.
    ReachesBack,
}

struct Machine {
    manners: Manners,
    /// How many of its channels this node let through.
    let_through: Arc<Mutex<Option<usize>>>,
}

impl Machine {
    fn answer(command: &[u8]) -> Option<&'static str> {
        let outputs = [
            (commands::THREADS, "8\n"),
            (commands::MEMORY, "MemTotal: 8388608 kB\n"),
            (commands::LIMITS, "memory.max 4294967296\n"),
            (commands::DISK, "Filesystem\n/dev/vda 1048576 0 0 0 /\n"),
            (commands::SYSTEM, "Linux 6.1.0\n"),
            (commands::PROCESSOR, "model name : a processor\n"),
        ];
        outputs
            .into_iter()
            .find(|(known, _)| known.as_bytes() == command)
            .map(|(_, output)| output)
    }
}

impl Handler for Machine {
    type Error = Error;

    async fn auth_publickey(&mut self, _: &str, _: VerifiedPublicKey<'_>) -> Result<Auth, Error> {
        match self.manners {
            Manners::RefusesLogins => Ok(Auth::reject()),
            Manners::NeverDecides => std::future::pending().await,
            _ => Ok(Auth::Accept),
        }
    }

    async fn authentication_banner(&mut self) -> Result<Option<String>, Error> {
        let long = self.manners == Manners::GreetsAtLength;
        Ok(long.then(|| "\u{1b}[2Jhello\r\n".repeat(10_000)))
    }

    async fn channel_open_session(
        &mut self,
        _: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Error> {
        if self.manners != Manners::RejectsChannels {
            reply.accept().await;
        }
        Ok(())
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        command: &[u8],
        session: &mut Session,
    ) -> Result<(), Error> {
        if self.manners == Manners::NeverAnswers {
            return Ok(());
        }
        session.channel_success(channel)?;
        if self.manners == Manners::AnswersForEver {
            tokio::spawn(answer_for_ever(session.handle(), channel));
            return Ok(());
        }
        if self.manners == Manners::ReachesBack {
            let answer = Self::answer(command);
            let through = self.let_through.clone();
            tokio::spawn(reach_back(session.handle(), channel, answer, through));
            return Ok(());
        }
        let hidden = self.manners == Manners::ShowsNoMemory && command.starts_with(b"cat");
        let answer = Self::answer(command).filter(|_| !hidden);
        session.data(channel, answer.unwrap_or("sh: not found\n").as_bytes())?;
        if self.manners != Manners::NeverEnds {
            session.exit_status_request(channel, if answer.is_some() { 0 } else { 127 })?;
            session.eof(channel)?;
            session.close(channel)?;
        }
        Ok(())
    }
}

async fn answer_for_ever(handle: Handle, channel: ChannelId) {
    while handle.data(channel, vec![b'8'; 16 << 10]).await.is_ok() {}
}

/// Tries every way into the visitor before it answers.
async fn reach_back(
    handle: Handle,
    channel: ChannelId,
    answer: Option<&'static str>,
    let_through: Arc<Mutex<Option<usize>>>,
) {
    let here = "127.0.0.1";
    let opened = [
        handle.channel_open_agent().await.is_ok(),
        handle.channel_open_session().await.is_ok(),
        handle.channel_open_x11(here, 6000).await.is_ok(),
        handle
            .channel_open_direct_tcpip(here, 80, here, 80)
            .await
            .is_ok(),
        handle
            .channel_open_forwarded_tcpip(here, 80, here, 80)
            .await
            .is_ok(),
    ];
    let opened = opened.into_iter().filter(|opened| *opened).count();
    *let_through.lock().unwrap().get_or_insert(0) += opened;
    let answer = answer.unwrap_or_default().as_bytes().to_vec();
    let _ = handle.data(channel, answer).await;
    let _ = handle.exit_status_request(channel, 0).await;
    let _ = handle.eof(channel).await;
    let _ = handle.close(channel).await;
}

struct Running {
    at: SshEndpoint,
    let_through: Arc<Mutex<Option<usize>>>,
}

async fn running(manners: Manners, preferred: Preferred) -> Running {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).unwrap();
    let key = PrivateKey::from(Ed25519Keypair::from_seed(&seed));
    let at = key.public_key().to_openssh().unwrap();
    let config = Arc::new(Config {
        keys: vec![key],
        auth_rejection_time: Duration::from_millis(1),
        preferred,
        ..Config::default()
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = endpoint(listener.local_addr().unwrap().port(), &at);
    let let_through = Arc::new(Mutex::new(None));
    let counted = let_through.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let let_through = counted.clone();
            let machine = Machine {
                manners,
                let_through,
            };
            tokio::spawn(run_stream(config.clone(), stream, machine));
        }
    });
    Running { at, let_through }
}

async fn look(prober: &SshProber, manners: Manners) -> Result<Seen, ProbeError> {
    let machine = running(manners, Preferred::default()).await;
    prober.prepare().unwrap().look(&machine.at).await
}

#[tokio::test]
async fn a_machine_that_behaves_is_seen_within_its_limits() {
    let seen = look(&prober(), Manners::Plain).await.unwrap();
    assert_eq!(seen.hardware.cpu_threads, 8);
    assert_eq!(seen.hardware.memory_mib, 4_096);
    assert_eq!(seen.hardware.disk_mib, 1_024);
    assert_eq!(seen.hardware.cpu_model, "a processor");
    assert!(seen.hardware.gpus.is_empty());
    assert!(seen.connect <= seen.login);
}

#[tokio::test]
async fn another_host_key_ends_it_before_the_login() {
    let machine = running(Manners::Plain, Preferred::default()).await;
    let at = SshEndpoint {
        host_key: Some(some_key()),
        ..machine.at
    };
    let error = prober().prepare().unwrap().look(&at).await.unwrap_err();
    let ProbeError::WrongHostKey(fingerprint) = error else {
        panic!("{error}");
    };
    assert!(fingerprint.starts_with("SHA256:"), "{fingerprint}");
}

#[tokio::test]
async fn a_machine_that_knows_weak_algorithms_alone_is_refused() {
    for weak in [
        kex::DH_G14_SHA1,
        kex::DH_G1_SHA1,
        kex::DH_GEX_SHA256,
        kex::NONE,
    ] {
        let preferred = Preferred {
            kex: Cow::Owned(vec![weak]),
            ..Preferred::default()
        };
        let machine = running(Manners::Plain, preferred).await;
        let visit = impatient().prepare().unwrap();
        let error = visit.look(&machine.at).await.unwrap_err();
        let refused = matches!(error, ProbeError::Protocol(_));
        assert!(refused, "{weak:?}: {error}");
    }
}

#[tokio::test]
async fn a_refused_login_is_told_from_one_that_never_ends() {
    let error = look(&prober(), Manners::RefusesLogins).await.unwrap_err();
    assert_eq!(error, ProbeError::LoginRefused);
    let error = look(&impatient(), Manners::NeverDecides).await.unwrap_err();
    let late = matches!(error, ProbeError::TimedOut { what: "login", .. });
    assert!(late, "{error}");
}

#[tokio::test]
async fn a_long_greeting_is_not_listened_to() {
    assert!(look(&prober(), Manners::GreetsAtLength).await.is_ok());
}

#[tokio::test]
async fn a_machine_that_opens_no_shell_or_hides_what_it_has_is_not_seen() {
    let error = look(&prober(), Manners::RejectsChannels).await.unwrap_err();
    assert!(matches!(error, ProbeError::Protocol(_)), "{error}");
    let error = look(&prober(), Manners::ShowsNoMemory).await.unwrap_err();
    assert!(matches!(error, ProbeError::Protocol(_)), "{error}");
}

#[tokio::test]
async fn commands_that_never_answer_or_never_end_are_given_up() {
    for manners in [Manners::NeverAnswers, Manners::NeverEnds] {
        let error = look(&impatient(), manners).await.unwrap_err();
        let late = matches!(
            error,
            ProbeError::TimedOut {
                what: "answer to a command",
                ..
            }
        );
        assert!(late, "{manners:?}: {error}");
    }
}

#[tokio::test]
async fn an_endless_answer_is_cut_short() {
    let error = look(&prober(), Manners::AnswersForEver).await.unwrap_err();
    assert!(matches!(error, ProbeError::TooMuch(_)), "{error}");
}

#[tokio::test]
async fn a_machine_reaches_nothing_through_its_visitor() {
    let machine = running(Manners::ReachesBack, Preferred::default()).await;
    let visit = prober().prepare().unwrap();
    assert!(visit.look(&machine.at).await.is_ok());
    assert_eq!(*machine.let_through.lock().unwrap(), Some(0));
}
