//! WASI 0.2 as a plugin sees it.
//!
//! Most toolchains import some of it unasked. There are no variables, no
//! arguments, no files, no terminal and no socket in any world; what is printed
//! goes to the log. Where time stands still ([`Time::Still`]) both clocks are at
//! zero, a wait is over as soon as it begins, and randomness is the key stream
//! of a seed. Elsewhere waits end with the call at the latest, because nothing
//! else could wake a guest that waits in the host.

use std::time::{Duration, Instant, SystemTime};

use wasmtime::component::{HasData, HasSelf, Linker, Resource, ResourceTable};
use wasmtime_wasi::async_trait;
use wasmtime_wasi::filesystem::{WasiFilesystem, WasiFilesystemCtxView};
use wasmtime_wasi::p2::bindings::cli::{
    environment, exit, stderr, stdin, stdout, terminal_input, terminal_output, terminal_stderr,
    terminal_stdin, terminal_stdout,
};
use wasmtime_wasi::p2::bindings::clocks::{monotonic_clock, wall_clock};
use wasmtime_wasi::p2::bindings::filesystem::preopens;
use wasmtime_wasi::p2::bindings::random::{insecure, insecure_seed, random};
use wasmtime_wasi::p2::bindings::sync::filesystem::types;
use wasmtime_wasi::p2::bindings::sync::io::{poll, streams};
use wasmtime_wasi::p2::pipe::ClosedInputStream;
use wasmtime_wasi::p2::{
    DynInputStream, DynOutputStream, DynPollable, OutputStream, Pollable, StreamError,
    StreamResult, subscribe,
};
use wasmtime_wasi_io::bindings::wasi::io::error;

use super::guest::{Guest, Time};
use super::log::GuestLog;

/// The interfaces of WASI that are linked, by their names without version.
pub(super) const LINKED: [&str; 20] = [
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/stderr",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:cli/terminal-stderr",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:filesystem/preopens",
    "wasi:filesystem/types",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
    "wasi:random/random",
];

/// What a guest may print between two flushes.
const PRINT_BYTES_MAX: usize = 4 << 10;

struct Table;

impl HasData for Table {
    type Data<'a> = &'a mut ResourceTable;
}

fn table(guest: &mut Guest) -> &mut ResourceTable {
    &mut guest.table
}

fn files(guest: &mut Guest) -> WasiFilesystemCtxView<'_> {
    WasiFilesystemCtxView {
        ctx: &mut guest.files,
        table: &mut guest.table,
    }
}

/// Links everything in [`LINKED`].
pub(super) fn link(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    error::add_to_linker::<_, Table>(linker, table)?;
    streams::add_to_linker::<_, Table>(linker, table)?;
    types::add_to_linker::<_, WasiFilesystem>(linker, files)?;
    preopens::add_to_linker::<_, WasiFilesystem>(linker, files)?;
    poll::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    wall_clock::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    monotonic_clock::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    random::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    insecure::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    insecure_seed::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    environment::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    exit::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    stdin::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    stdout::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    stderr::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    terminal_input::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    terminal_output::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    terminal_stdin::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    terminal_stdout::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    terminal_stderr::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)
}

impl poll::Host for Guest {
    fn poll(&mut self, pollables: Vec<Resource<DynPollable>>) -> wasmtime::Result<Vec<u32>> {
        self.take(pollables.len())?;
        let since = Instant::now();
        let ready = poll::Host::poll(&mut self.table, pollables);
        self.time.forgive(since);
        ready
    }
}

impl poll::HostPollable for Guest {
    fn ready(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<bool> {
        self.take(1)?;
        poll::HostPollable::ready(&mut self.table, pollable)
    }

    fn block(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        self.take(1)?;
        let since = Instant::now();
        let blocked = poll::HostPollable::block(&mut self.table, pollable);
        self.time.forgive(since);
        blocked
    }

    fn drop(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        poll::HostPollable::drop(&mut self.table, pollable)
    }
}

/// A wait; nothing to wait for where time stands still.
struct Wait {
    until: Option<Instant>,
}

#[async_trait]
impl Pollable for Wait {
    async fn ready(&mut self) {
        if let Some(until) = self.until {
            tokio::time::sleep_until(until.into()).await;
        }
    }
}

impl Guest {
    fn wait(&mut self, duration_ns: u64) -> wasmtime::Result<Resource<DynPollable>> {
        let until = self.time.wall().map(|wall| {
            Instant::now()
                .checked_add(Duration::from_nanos(duration_ns))
                .map_or(wall, |end| end.min(wall))
        });
        let wait = self.table.push(Wait { until })?;
        subscribe(&mut self.table, wait)
    }

    fn draw(&mut self, len: u64) -> wasmtime::Result<Vec<u8>> {
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        self.take(len)?;
        let mut bytes = vec![0; len];
        self.chance.fill(&mut bytes)?;
        Ok(bytes)
    }
}

/// Nanoseconds since the first question anyone asked this process.
fn monotonic_ns() -> u64 {
    static ORIGIN: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    let elapsed = ORIGIN.get_or_init(Instant::now).elapsed();
    u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX)
}

impl monotonic_clock::Host for Guest {
    fn now(&mut self) -> wasmtime::Result<u64> {
        Ok(match self.time {
            Time::Still => 0,
            Time::Passing(_) => monotonic_ns(),
        })
    }

    fn resolution(&mut self) -> wasmtime::Result<u64> {
        Ok(1)
    }

    fn subscribe_instant(&mut self, when: u64) -> wasmtime::Result<Resource<DynPollable>> {
        let now = monotonic_clock::Host::now(self)?;
        self.wait(when.saturating_sub(now))
    }

    fn subscribe_duration(&mut self, when: u64) -> wasmtime::Result<Resource<DynPollable>> {
        self.wait(when)
    }
}

impl wall_clock::Host for Guest {
    fn now(&mut self) -> wasmtime::Result<wall_clock::Datetime> {
        let since_epoch = match self.time {
            Time::Still => Duration::ZERO,
            Time::Passing(_) => SystemTime::now()
                .duration_since(SystemTime::UNIX_EPOCH)
                .unwrap_or_default(),
        };
        Ok(wall_clock::Datetime {
            seconds: since_epoch.as_secs(),
            nanoseconds: since_epoch.subsec_nanos(),
        })
    }

    fn resolution(&mut self) -> wasmtime::Result<wall_clock::Datetime> {
        Ok(wall_clock::Datetime {
            seconds: 0,
            nanoseconds: 1,
        })
    }
}

impl random::Host for Guest {
    fn get_random_bytes(&mut self, len: u64) -> wasmtime::Result<Vec<u8>> {
        self.draw(len)
    }

    fn get_random_u64(&mut self) -> wasmtime::Result<u64> {
        self.take(8)?;
        self.chance.next_u64()
    }
}

impl insecure::Host for Guest {
    fn get_insecure_random_bytes(&mut self, len: u64) -> wasmtime::Result<Vec<u8>> {
        self.draw(len)
    }

    fn get_insecure_random_u64(&mut self) -> wasmtime::Result<u64> {
        self.take(8)?;
        self.chance.next_u64()
    }
}

impl insecure_seed::Host for Guest {
    fn insecure_seed(&mut self) -> wasmtime::Result<(u64, u64)> {
        self.take(16)?;
        Ok((self.chance.next_u64()?, self.chance.next_u64()?))
    }
}

impl environment::Host for Guest {
    fn get_environment(&mut self) -> wasmtime::Result<Vec<(String, String)>> {
        Ok(Vec::new())
    }

    fn get_arguments(&mut self) -> wasmtime::Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn initial_cwd(&mut self) -> wasmtime::Result<Option<String>> {
        Ok(None)
    }
}

impl exit::Host for Guest {
    fn exit(&mut self, status: Result<(), ()>) -> wasmtime::Result<()> {
        self.exit_with_code(u8::from(status.is_err()))
    }

    fn exit_with_code(&mut self, status: u8) -> wasmtime::Result<()> {
        Err(wasmtime::Error::msg(format!("exited with status {status}")))
    }
}

impl stdin::Host for Guest {
    fn get_stdin(&mut self) -> wasmtime::Result<Resource<DynInputStream>> {
        let closed: DynInputStream = Box::new(ClosedInputStream);
        Ok(self.table.push(closed)?)
    }
}

impl stdout::Host for Guest {
    fn get_stdout(&mut self) -> wasmtime::Result<Resource<DynOutputStream>> {
        self.printer()
    }
}

impl stderr::Host for Guest {
    fn get_stderr(&mut self) -> wasmtime::Result<Resource<DynOutputStream>> {
        self.printer()
    }
}

impl Guest {
    fn printer(&mut self) -> wasmtime::Result<Resource<DynOutputStream>> {
        let printer: DynOutputStream = Box::new(Printer(self.log.clone()));
        Ok(self.table.push(printer)?)
    }
}

/// Standard output and error: the log.
struct Printer(GuestLog);

#[async_trait]
impl Pollable for Printer {
    async fn ready(&mut self) {}
}

impl OutputStream for Printer {
    fn write(&mut self, bytes: bytes::Bytes) -> StreamResult<()> {
        self.0
            .print(&bytes)
            .map_err(|flood| StreamError::Trap(flood.into()))
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(PRINT_BYTES_MAX)
    }
}

impl terminal_input::Host for Guest {}

impl terminal_input::HostTerminalInput for Guest {
    fn drop(&mut self, input: Resource<terminal_input::TerminalInput>) -> wasmtime::Result<()> {
        self.table.delete(input)?;
        Ok(())
    }
}

impl terminal_output::Host for Guest {}

impl terminal_output::HostTerminalOutput for Guest {
    fn drop(&mut self, output: Resource<terminal_output::TerminalOutput>) -> wasmtime::Result<()> {
        self.table.delete(output)?;
        Ok(())
    }
}

impl terminal_stdin::Host for Guest {
    fn get_terminal_stdin(
        &mut self,
    ) -> wasmtime::Result<Option<Resource<terminal_input::TerminalInput>>> {
        Ok(None)
    }
}

impl terminal_stdout::Host for Guest {
    fn get_terminal_stdout(
        &mut self,
    ) -> wasmtime::Result<Option<Resource<terminal_output::TerminalOutput>>> {
        Ok(None)
    }
}

impl terminal_stderr::Host for Guest {
    fn get_terminal_stderr(
        &mut self,
    ) -> wasmtime::Result<Option<Resource<terminal_output::TerminalOutput>>> {
        Ok(None)
    }
}
