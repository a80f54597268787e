//! From what a machine's commands print to [`Hardware`].
//!
//! The machine may print anything: every reader takes any bytes, takes them
//! for numbers only if they are, and holds what it keeps to a size. What cannot
//! be read is absent, never an error; without processors and memory there is no
//! hardware.

use super::commands;
use crate::subnet::hardware::{Gpu, Hardware, Label};
use crate::subnet::text::is_plain;

/// The longest model, id or version that is kept, in bytes.
const WORD_BYTES_MAX: usize = 128;
/// Cards that are counted.
const CARDS_MAX: usize = 64;
const KIB_PER_MIB: u64 = 1_024;
const BYTES_PER_MIB: u64 = 1 << 20;

/// What was printed so far.
#[derive(Debug, Default)]
pub(super) struct Answers {
    threads: Option<u32>,
    memory_mib: Option<u64>,
    limits: Limits,
    disk_mib: Option<u64>,
    kernel: Option<String>,
    processor: Option<String>,
    cards: Cards,
}

/// What a container may use of its machine.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Limits {
    threads: Option<u32>,
    memory_mib: Option<u64>,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Cards {
    gpus: Vec<Gpu>,
    driver: Option<String>,
}

impl Answers {
    /// Takes what `command` printed; `None` if it failed.
    pub(super) fn add(&mut self, command: &str, output: Option<Vec<u8>>) {
        let Some(output) = output else { return };
        let text = String::from_utf8_lossy(&output);
        match command {
            commands::THREADS => self.threads = positive(text.trim()),
            commands::MEMORY => self.memory_mib = memory_mib(&text),
            commands::LIMITS => self.limits = limits(&text),
            commands::DISK => self.disk_mib = disk_mib(&text),
            commands::SYSTEM => self.kernel = kernel(&text),
            commands::PROCESSOR => self.processor = processor(&text),
            commands::CARDS => self.cards = cards(&text),
            _ => {}
        }
    }

    /// All of it, if there is enough.
    pub(super) fn hardware(self) -> Option<Hardware> {
        let threads = self.threads?;
        let memory_mib = self.memory_mib?;
        let label = |name: &str, value: Option<String>| {
            let name = name.to_owned();
            value.map(|value| Label { name, value })
        };
        let labels = [
            label("kernel", self.kernel),
            label("nvidia-driver", self.cards.driver),
        ];
        Some(Hardware {
            gpus: self.cards.gpus,
            cpu_model: self.processor.unwrap_or_default(),
            cpu_threads: self
                .limits
                .threads
                .map_or(threads, |most| most.min(threads)),
            memory_mib: (self.limits.memory_mib).map_or(memory_mib, |most| most.min(memory_mib)),
            disk_mib: self.disk_mib.unwrap_or(0),
            labels: labels.into_iter().flatten().collect(),
        })
    }
}

/// `MemTotal:       16384000 kB`
fn memory_mib(text: &str) -> Option<u64> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib / KIB_PER_MIB).filter(|mib| *mib > 0)
}

/// `cpu.max 200000 100000`, `memory.max max`, and what the first version calls them.
fn limits(text: &str) -> Limits {
    let value = |name: &str| {
        let line = |line: &'_ str| {
            line.strip_prefix(name)?
                .strip_prefix(' ')
                .map(str::trim)
                .map(str::to_owned)
        };
        text.lines().find_map(line)
    };
    let quota_and_period = value("cpu.max").or_else(|| {
        let quota = value("cpu/cpu.cfs_quota_us")?;
        Some(format!("{quota} {}", value("cpu/cpu.cfs_period_us")?))
    });
    let bytes = value("memory.max").or_else(|| value("memory/memory.limit_in_bytes"));
    let bytes: Option<u64> = bytes.and_then(|bytes| bytes.parse().ok());
    Limits {
        threads: quota_and_period.and_then(|text| threads_of(&text)),
        memory_mib: bytes
            .map(|bytes| bytes / BYTES_PER_MIB)
            .filter(|mib| *mib > 0),
    }
}

/// Whole threads that a quota is worth; a part of one is one.
fn threads_of(quota_and_period: &str) -> Option<u32> {
    let (quota, period) = quota_and_period.split_once(' ')?;
    let quota: u64 = quota.parse().ok()?;
    let period: u64 = period.parse().ok().filter(|period| *period > 0)?;
    u32::try_from(quota.div_ceil(period))
        .ok()
        .filter(|threads| *threads > 0)
}

/// The second line, second column, in KiB.
fn disk_mib(text: &str) -> Option<u64> {
    let line = text.lines().nth(1)?;
    let kib: u64 = line.split_ascii_whitespace().nth(1)?.parse().ok()?;
    Some(kib / KIB_PER_MIB)
}

/// `Linux 6.1.0-18-amd64`
fn kernel(text: &str) -> Option<String> {
    word(text.lines().next()?.split_ascii_whitespace().nth(1)?)
}

/// `model name : AMD EPYC 9654 96-Core Processor`
fn processor(text: &str) -> Option<String> {
    word(text.lines().next()?.split_once(':')?.1)
}

/// `NVIDIA H100 80GB HBM3, 81559, GPU-..., 580.65.06`, a line for each card.
fn cards(text: &str) -> Cards {
    let mut cards = Cards::default();
    for line in text.lines().take(CARDS_MAX) {
        let mut columns = line.rsplitn(4, ',').map(str::trim);
        let (driver, uuid) = (columns.next(), columns.next());
        let memory_mib = columns.next().and_then(positive::<u64>);
        let model = columns.next().and_then(word);
        if let (Some(model), Some(memory_mib)) = (model, memory_mib) {
            cards.driver = driver.and_then(word);
            cards.add(model, memory_mib, uuid.and_then(word));
        }
    }
    cards
}

impl Cards {
    fn add(&mut self, model: String, memory_mib: u64, uuid: Option<String>) {
        let alike = |gpu: &&mut Gpu| gpu.model == model && gpu.memory_mib == memory_mib;
        match self.gpus.iter_mut().find(alike) {
            Some(gpu) => {
                gpu.count += 1;
                gpu.uuids.extend(uuid);
            }
            None => self.gpus.push(Gpu {
                model,
                count: 1,
                memory_mib,
                uuids: uuid.into_iter().collect(),
            }),
        }
    }
}

fn positive<N: std::str::FromStr + Default + PartialOrd>(text: &str) -> Option<N> {
    text.parse().ok().filter(|number| *number > N::default())
}

/// A text that is short and that no terminal obeys.
fn word(text: &str) -> Option<String> {
    let text = text.trim();
    let fits = (1..=WORD_BYTES_MAX).contains(&text.len()) && is_plain(text);
    fits.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn read(outputs: &[(&str, &str)]) -> Option<Hardware> {
        let mut answers = Answers::default();
        for (command, output) in outputs {
            answers.add(command, Some(output.as_bytes().to_vec()));
        }
        answers.hardware()
    }

    const PLAIN: [(&str, &str); 6] = [
        (commands::THREADS, "16\n"),
        (
            commands::MEMORY,
            "MemTotal:       65536000 kB\nMemFree: 1 kB\n",
        ),
        (
            commands::DISK,
            "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/vda 102400 1 2 1% /\n",
        ),
        (commands::SYSTEM, "Linux 6.1.0-18-amd64\n"),
        (commands::PROCESSOR, "model name\t: AMD EPYC 9654\n"),
        (
            commands::CARDS,
            "NVIDIA H100, 80GB, 81559, GPU-1, 580.65.06\nNVIDIA H100, 80GB, 81559, GPU-2, 580.65.06\n",
        ),
    ];

    #[test]
    fn a_plain_machine_is_read_as_it_says() {
        let hardware = read(&PLAIN).unwrap();
        assert_eq!(hardware.cpu_threads, 16);
        assert_eq!(hardware.memory_mib, 64_000);
        assert_eq!(hardware.disk_mib, 100);
        assert_eq!(hardware.cpu_model, "AMD EPYC 9654");
        let cards = &hardware.gpus[0];
        assert_eq!(
            (cards.model.as_str(), cards.count),
            ("NVIDIA H100, 80GB", 2)
        );
        assert_eq!(cards.uuids, ["GPU-1", "GPU-2"]);
        let labels: Vec<_> = hardware
            .labels
            .iter()
            .map(|label| label.value.as_str())
            .collect();
        assert_eq!(labels, ["6.1.0-18-amd64", "580.65.06"]);
    }

    #[test]
    fn a_container_has_what_its_control_group_lets_it_have() {
        let with = |limits: &str| {
            let mut outputs = PLAIN.to_vec();
            outputs.push((commands::LIMITS, limits));
            let hardware = read(&outputs).unwrap();
            (hardware.cpu_threads, hardware.memory_mib)
        };
        assert_eq!(
            with("cpu.max 150000 100000\nmemory.max 1073741824\n"),
            (2, 1_024)
        );
        assert_eq!(with("cpu.max max 100000\nmemory.max max\n"), (16, 64_000));
        let first = "cpu/cpu.cfs_quota_us -1\ncpu/cpu.cfs_period_us 100000\n\
                     memory/memory.limit_in_bytes 9223372036854771712\n";
        assert_eq!(with(first), (16, 64_000));
        assert_eq!(with("cpu.max 100000 0\n"), (16, 64_000));
    }

    #[test]
    fn a_machine_that_hides_its_memory_has_shown_nothing() {
        assert_eq!(read(&PLAIN[..1]), None);
        assert_eq!(read(&[(commands::THREADS, "0"), PLAIN[1]]), None);
    }

    #[test]
    fn what_a_terminal_would_obey_is_not_kept() {
        let mut outputs = PLAIN.to_vec();
        outputs[4].1 = "model name : \u{1b}[2Jfast";
        outputs[5].1 = "a\u{202e}b, 1, GPU-1, 1.0";
        let hardware = read(&outputs).unwrap();
        assert_eq!(hardware.cpu_model, "");
        assert!(hardware.gpus.is_empty());
    }

    proptest! {
        #[test]
        fn any_output_is_read_without_a_panic_and_kept_small(
            outputs in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..400), 7),
        ) {
            let mut answers = Answers::default();
            for (command, output) in commands::ALL.into_iter().zip(outputs) {
                answers.add(command, Some(output));
            }
            let _ = answers.hardware();
        }

        #[test]
        fn any_text_in_the_right_places_is_read_without_a_panic(
            numbers in prop::collection::vec("[0-9]{1,30}|max|-1| |", 8),
            words in prop::collection::vec("\\PC{0,200}", 4),
        ) {
            let [a, b, c, d, e, f, g, h] = &numbers[..] else { unreachable!() };
            let memory = format!("MemTotal: {a} kB");
            let limits = format!("cpu.max {b} {c}\nmemory.max {d}");
            let disk = format!("head\n{} {e} {f}", words[0]);
            let cards = format!("{}, {g}, {}, {}\n", words[1], words[2], words[3]).repeat(100);
            let mut answers = Answers::default();
            let outputs = [h.clone(), memory, limits, disk, words[0].clone(), words[1].clone(), cards];
            for (command, output) in commands::ALL.into_iter().zip(outputs) {
                answers.add(command, Some(output.into_bytes()));
            }
            if let Some(hardware) = answers.hardware() {
                let cards: u32 = hardware.gpus.iter().map(|gpu| gpu.count).sum();
                prop_assert!(cards <= 64 && hardware.cpu_threads > 0 && hardware.memory_mib > 0);
                prop_assert!(hardware.cpu_model.len() <= WORD_BYTES_MAX);
            }
        }
    }
}
