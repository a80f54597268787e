//! What one function of a component made by hand does.

use wasm_encoder::{BlockType, Instruction};

/// The imports every component has: interface, function, its parameters.
pub(super) const HOSTCALLS: [(&str, &str, usize); 2] = [
    ("compute:subnet/log@0.1.0", "write", 3),
    ("compute:subnet/settings@0.1.0", "get", 3),
];
const WRITE: u32 = 0;
const GET: u32 = 1;
/// Pages, or elements, asked for at once.
const GROWTH: i32 = 64;
const LEAP_PAGES: i32 = 3 << 14;
const LINE_BYTES: i32 = 1_000;
const INFO: i32 = 2;

/// Where answers lie in memory.
const TEXT: i32 = 1_024;
const DESCRIPTION: i32 = 16;
const OK: i32 = 64;
const VERDICT: i32 = 128;
const SOLVES: i32 = 256;
/// Of `settings.get`.
const RETURNED: i32 = 320;
const NOT_UTF8: i32 = 512;
const ENDLESS_NAME: i32 = 544;
const ENDLESS_LIST: i32 = 576;
const NO_SUCH_CASE: i32 = 608;
const ERROR_NOT_UTF8: i32 = 640;
const CROOKED_LIST: i32 = 672;
const LONG_LIST: i32 = 704;
const LAUGHS: i32 = 736;
const BAD_TEXT: i32 = 900;
/// Scores whose reasons are one and the same megabyte.
const LAUGHING: i32 = 8 << 10;
const MIB: i32 = 1 << 20;

/// A way to behave.
#[derive(Debug, Clone, Copy)]
pub(super) enum Act {
    /// As the contract says.
    Behave,
    /// Never returns.
    Loop,
    /// Calls itself for ever.
    Recurse,
    /// Executes `unreachable`.
    Trap,
    /// Grows its memory for ever.
    Hoard,
    /// Asks for three GiB of memory at once, and takes no for an answer.
    Leap,
    /// Grows its first table for ever.
    HoardTable,
    /// Writes long lines for ever.
    Flood,
    /// Writes empty lines for ever.
    FloodEmpty,
    /// Writes one line that is not UTF-8.
    WriteBadText,
    /// Writes one line that begins in its memory and ends outside.
    WriteOutside,
    /// Asks for a setting for ever.
    AskForEver,
    /// Returns a number: an address outside of its memory, or a crooked one.
    Return(i32),
    /// Returns a text that is not UTF-8 as its name.
    NameNotUtf8,
    /// Returns a name of four gigabytes.
    EndlessName,
    /// Returns a list that is longer than its memory.
    EndlessList,
    /// Returns a list whose address is not aligned.
    CrookedList,
    /// Returns a list of fourteen megabytes, all of it there.
    LongList,
    /// Returns a thousand texts that are all the same megabyte.
    Laughs,
    /// Returns the eighth case of two.
    NoSuchCase,
    /// Returns an error that is not UTF-8.
    ErrorNotUtf8,
}

impl Act {
    /// The body of `function`, but for its end; nothing for [`Act::Recurse`].
    pub(super) fn code(self, function: &str) -> Vec<Instruction<'static>> {
        use Instruction as I;
        match self {
            Self::Behave => behave(function),
            Self::Recurse => vec![],
            Self::Trap => vec![I::Unreachable],
            Self::Loop => forever(&[]),
            Self::Hoard => forever(&[I::I32Const(GROWTH), I::MemoryGrow(0), I::Drop]),
            Self::Leap => {
                let leap = vec![I::I32Const(LEAP_PAGES), I::MemoryGrow(0), I::Drop];
                [leap, behave(function)].concat()
            }
            Self::HoardTable => forever(&[
                I::RefNull(wasm_encoder::HeapType::FUNC),
                I::I32Const(GROWTH << 10),
                I::TableGrow(0),
                I::Drop,
            ]),
            Self::Flood => forever(&write(TEXT, LINE_BYTES)),
            Self::FloodEmpty => forever(&write(TEXT, 0)),
            Self::AskForEver => forever(&[
                I::I32Const(TEXT),
                I::I32Const(4),
                I::I32Const(RETURNED),
                I::Call(GET),
            ]),
            Self::WriteBadText => [write(BAD_TEXT, 4), behave(function)].concat(),
            Self::WriteOutside => [write(TEXT, i32::MAX), behave(function)].concat(),
            Self::Return(number) => vec![I::I32Const(number)],
            Self::NameNotUtf8 => vec![I::I32Const(NOT_UTF8)],
            Self::EndlessName => vec![I::I32Const(ENDLESS_NAME)],
            Self::EndlessList => vec![I::I32Const(ENDLESS_LIST)],
            Self::CrookedList => vec![I::I32Const(CROOKED_LIST)],
            Self::LongList => vec![I::I32Const(LONG_LIST)],
            Self::Laughs => vec![I::I32Const(LAUGHS)],
            Self::NoSuchCase => vec![I::I32Const(NO_SUCH_CASE)],
            Self::ErrorNotUtf8 => vec![I::I32Const(ERROR_NOT_UTF8)],
        }
    }
}

fn forever(what: &[Instruction<'static>]) -> Vec<Instruction<'static>> {
    let mut code = vec![Instruction::Loop(BlockType::Empty)];
    code.extend_from_slice(what);
    code.extend([
        Instruction::Br(0),
        Instruction::End,
        Instruction::Unreachable,
    ]);
    code
}

fn write(at: i32, bytes: i32) -> Vec<Instruction<'static>> {
    vec![
        Instruction::I32Const(INFO),
        Instruction::I32Const(at),
        Instruction::I32Const(bytes),
        Instruction::Call(WRITE),
    ]
}

/// Hands out memory, eight bytes aligned, and never takes it back.
fn behave(function: &str) -> Vec<Instruction<'static>> {
    use Instruction as I;
    let answer = match function {
        "start" => return vec![I::Nop],
        "cabi_realloc" => {
            return vec![
                I::GlobalGet(0),
                I::I32Const(7),
                I::I32Add,
                I::I32Const(-8),
                I::I32And,
                I::GlobalSet(0),
                I::GlobalGet(0),
                I::GlobalGet(0),
                I::LocalGet(3),
                I::I32Add,
                I::GlobalSet(0),
            ];
        }
        "describe" => DESCRIPTION,
        "advance" => VERDICT,
        "solves" => SOLVES,
        _ => OK,
    };
    vec![I::I32Const(answer)]
}

fn words(numbers: &[i32]) -> Vec<u8> {
    let bytes = numbers.iter().flat_map(|number| number.to_le_bytes());
    bytes.collect()
}

/// What lies in the memory of a component called `name`, and where. Zeros all
/// over are a success with nothing in it.
pub(super) fn answers(name: &str) -> Vec<(i32, Vec<u8>)> {
    const VERSION: &str = "1.0.0";
    let text = format!("{name}{VERSION}{name}-v1");
    let length = |text: &str| i32::try_from(text.len()).unwrap();
    let version = TEXT + length(name);
    let solver = version + length(VERSION);
    let described = |at: i32, bytes: i32| {
        let summary = [TEXT, length(name)];
        words(&[at, bytes, version, length(VERSION), summary[0], summary[1]])
    };
    let laugh = [0, 0, 1, 0, MIB, MIB];
    vec![
        (TEXT, text.into_bytes()),
        (BAD_TEXT, vec![0xff, 0xfe, b'!', 0xc0]),
        (DESCRIPTION, described(TEXT, length(name))),
        // A success, and in it the second case: a verdict, which is all zeros.
        (VERDICT + 8, vec![1]),
        (SOLVES, words(&[SOLVES + 8, 1, solver, length(name) + 3])),
        (NOT_UTF8, described(BAD_TEXT, 4)),
        (ENDLESS_NAME, described(TEXT, -1)),
        (ENDLESS_LIST, words(&[0, 0, 0x0fff_ffff, 0, 0])),
        (NO_SUCH_CASE, words(&[7])),
        (ERROR_NOT_UTF8, words(&[1, BAD_TEXT, 4])),
        (CROOKED_LIST, words(&[0, 1, 1, 0, 0])),
        (LONG_LIST, words(&[0, MIB, 600_000, 0, 0])),
        (LAUGHS, words(&[0, LAUGHING, 1_000, 0, 0])),
        (LAUGHING, words(&laugh).repeat(1_000)),
    ]
}
