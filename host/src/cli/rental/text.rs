//! Times and logins as people write and read them.

use std::io::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::subnet::provider::SshEndpoint;
use crate::subnet::rental::Lease;
use crate::subnet::text::escape;

use crate::cli::provider::filter::usd;

/// `90s`, `30m`, `2h` or `7d`, in seconds.
pub(in crate::cli) fn seconds(text: &str) -> Result<u64, String> {
    let wrong = || "expected a time such as 90s, 30m, 2h or 7d".to_owned();
    let (number, unit) = text
        .split_at_checked(text.len().saturating_sub(1))
        .ok_or_else(wrong)?;
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    number
        .checked_mul(unit)
        .filter(|time| *time > 0)
        .ok_or_else(wrong)
}

/// The two largest parts of a time: `1h 5m`.
pub(in crate::cli) fn span(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m {}s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{}h {}m", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{}d {}h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

/// Until a moment, or that it has passed.
pub(in crate::cli) fn until(unix_s: u64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0, |now| now.as_secs());
    match unix_s.saturating_sub(now) {
        0 => "over".to_owned(),
        left => format!("in {}", span(left)),
    }
}

/// The command that logs in.
pub(in crate::cli) fn login(ssh: &SshEndpoint) -> String {
    format!(
        "ssh -p {} {}@{}",
        ssh.port,
        escape(&ssh.user),
        escape(&ssh.host)
    )
}

/// A lease, and how to log in.
pub(in crate::cli) fn show(out: &mut dyn Write, lease: &Lease) -> io::Result<()> {
    let machine = match lease.machine.as_str() {
        "" => "this miner's own".to_owned(),
        id => escape(id),
    };
    let mut lines = vec![
        ("rental", escape(&lease.key)),
        ("machine", machine),
        ("state", escape(&lease.state)),
    ];
    if let Some(reason) = &lease.reason {
        lines.push(("because", escape(reason)));
    }
    let price = format!("{} USD an hour", usd(lease.price_micro_usd_per_hour));
    lines.push(("price", price));
    lines.push(("ends", until(lease.ends_at)));
    if let Some(ssh) = &lease.ssh {
        lines.push(("login", login(ssh)));
        if let Some(key) = &ssh.host_key {
            let known = format!("[{}]:{} {}", escape(&ssh.host), ssh.port, escape(key));
            lines.push(("known host", known));
        }
    }
    for (name, value) in lines {
        writeln!(out, "{name:<10}  {value}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_written() {
        for (text, time) in [("90s", 90), ("30m", 1_800), ("2h", 7_200), ("7d", 604_800)] {
            assert_eq!(seconds(text), Ok(time));
        }
        for bad in ["", "s", "0s", "5", "-1h", "1w", "99999999999999999d", "é"] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
        assert_eq!(span(59), "59s");
        assert_eq!(span(3_661), "1h 1m");
        assert_eq!(span(90_000), "1d 1h");
    }
}
