//! Asking whoever sits at the terminal.

use std::io::{self, IsTerminal as _};

use zeroize::Zeroizing;

/// Whether somebody can answer: standard input is a terminal and this process is
/// in its foreground. A background job that read from it would be stopped.
pub(super) fn is_attended() -> bool {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    io::stdin().is_terminal() && foreground(&stat).unwrap_or(true)
}

/// Asks without showing what is typed.
pub(super) fn ask(question: &str) -> io::Result<Zeroizing<String>> {
    rpassword::prompt_password(question).map(Zeroizing::new)
}

/// Whether a process is of the terminal's foreground group, by its line in
/// `/proc`; `None` where there is no such line.
fn foreground(stat: &str) -> Option<bool> {
    // After the name, which may hold anything: state, parent, group, session,
    // terminal, the terminal's group.
    let (_, fields) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_whitespace().take(6).collect();
    Some(fields.get(2)? == fields.get(5)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_background_job_is_not_asked() {
        let line = |group, front| format!("12 (a) b) S 1 {group} 9 34816 {front} 4194304 1");
        assert_eq!(foreground(&line(12, 12)), Some(true));
        assert_eq!(foreground(&line(12, 9)), Some(false));
        assert_eq!(foreground(""), None);
    }
}
