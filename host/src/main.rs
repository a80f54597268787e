//! `host`: hands the process's own world to the command line.

use std::io::{self, BufWriter};
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut out = BufWriter::new(io::stdout());
    let exit = host::cli::main(
        std::env::args_os(),
        std::env::vars_os(),
        &mut out,
        &mut io::stderr(),
    );
    exit.into()
}
