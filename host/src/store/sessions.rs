//! Sessions from their beginning to their ending, and what they leave behind.
//!
//! A session's steps come one after another: a task is intended before it is
//! sent and answered before the next is intended. Intending the same step again
//! is allowed while it has no answer, for a node that restarted in between. An
//! ending is final; giving the same one again changes nothing.

use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};

use crate::subnet::BlockNumber;
use crate::subnet::challenge::{Exchange, PAYLOAD_BYTES_MAX, SESSION_TASKS_MAX, Task, Verdict};
use crate::subnet::evidence::{EndedSession, Ending, SessionRecord, Unfinished};
use crate::subnet::key::AccountId;
use crate::subnet::scoring::Finding;

use super::encode::{hash, int, join_answer, len, split_answer, uint};
use super::error::Failure;
use super::probes;

/// The longest session id.
pub const SESSION_ID_BYTES_MAX: usize = 128;
/// Sessions without an ending at a time; a role that needs more leaks them.
pub const SESSIONS_OPEN_MAX: u32 = 4096;

pub(super) fn begin(db: &Transaction<'_>, record: &SessionRecord) -> Result<(), Failure> {
    let session = &record.session;
    if session.id.is_empty() || session.id.len() > SESSION_ID_BYTES_MAX {
        return refuse(format!(
            "a session id has 1 to {SESSION_ID_BYTES_MAX} bytes, not {}",
            session.id.len()
        ));
    }
    room_for_one(db)?;
    let mut plain = record.clone();
    plain.session.seed = [0; 32];
    plain.session.memory = Vec::new();
    let inserted = db
        .prepare_cached(
            "INSERT INTO sessions (id, hotkey, uid, generator, block, record, seed, memory)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (id) DO NOTHING",
        )?
        .execute(params![
            session.id,
            session.hotkey.0,
            session.uid,
            record.generator.name,
            int(session.block)?,
            serde_json::to_string(&plain)?,
            session.seed,
            session.memory,
        ])?;
    match inserted {
        0 => refuse(format!("a session with the id {} exists", session.id)),
        _ => Ok(()),
    }
}

fn room_for_one(db: &Connection) -> Result<(), Failure> {
    let open: u32 = db
        .prepare_cached("SELECT count(*) FROM sessions WHERE ending IS NULL")?
        .query_row([], |row| row.get(0))?;
    if open >= SESSIONS_OPEN_MAX {
        return refuse(format!("{open} sessions have no ending yet"));
    }
    Ok(())
}

pub(super) fn intend(db: &Transaction<'_>, session: &str, step: u16) -> Result<(), Failure> {
    let serial = open_session(db, session)?;
    if usize::from(step) >= SESSION_TASKS_MAX {
        return refuse(format!(
            "session {session} has had its {SESSION_TASKS_MAX} tasks"
        ));
    }
    let answered: u16 = db
        .prepare_cached("SELECT count(*) FROM exchanges WHERE session = ?1 AND answer IS NOT NULL")?
        .query_row([serial], |row| row.get(0))?;
    if step != answered {
        return refuse(format!(
            "step {step} of session {session} is out of turn: {answered} steps have an answer"
        ));
    }
    db.prepare_cached(
        "INSERT INTO exchanges (session, step) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
    )?
    .execute(params![serial, step])?;
    Ok(())
}

pub(super) fn record(
    db: &Transaction<'_>,
    session: &str,
    step: u16,
    exchange: &Exchange,
) -> Result<(), Failure> {
    let serial = open_session(db, session)?;
    let task = &exchange.task;
    let (answer, payload) = split_answer(&exchange.answer)?;
    let payload_bytes = payload.map_or(0, <[u8]>::len);
    if task.payload.len().max(payload_bytes) > PAYLOAD_BYTES_MAX {
        return refuse(format!(
            "a payload of session {session} has more than {PAYLOAD_BYTES_MAX} bytes"
        ));
    }
    let updated = db
        .prepare_cached(
            "UPDATE exchanges SET solver = ?3, task = ?4, timeout_ms = ?5, answer = ?6,
                    payload = ?7, elapsed_us = ?8
             WHERE session = ?1 AND step = ?2 AND answer IS NULL",
        )?
        .execute(params![
            serial,
            step,
            task.solver,
            task.payload,
            task.timeout_ms,
            answer,
            payload,
            int(exchange.elapsed_us)?,
        ])?;
    if updated == 0 {
        return refuse(format!(
            "step {step} of session {session} was not intended or has an answer"
        ));
    }
    db.prepare_cached("UPDATE sessions SET bytes = bytes + ?2 WHERE serial = ?1")?
        .execute(params![serial, len(task.payload.len() + payload_bytes)?])?;
    Ok(())
}

fn open_session(db: &Connection, session: &str) -> Result<i64, Failure> {
    let row: Option<(i64, bool)> = db
        .prepare_cached("SELECT serial, ending IS NOT NULL FROM sessions WHERE id = ?1")?
        .query_row([session], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    match row {
        None => unknown(session),
        Some((_, true)) => refuse(format!("session {session} has ended")),
        Some((serial, false)) => Ok(serial),
    }
}

/// Ends a session. Returns whose finding was added, at which block.
pub(super) fn end(
    db: &Transaction<'_>,
    session: &str,
    ending: &Ending,
) -> Result<Option<(AccountId, BlockNumber)>, Failure> {
    let row: Option<(i64, Option<String>, String)> = db
        .prepare_cached("SELECT serial, ending, record FROM sessions WHERE id = ?1")?
        .query_row([session], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let Some((serial, before, record)) = row else {
        return unknown(session);
    };
    let text = serde_json::to_string(&without_memory(ending))?;
    match before {
        Some(before) if before == text => return Ok(None),
        Some(_) => return refuse(format!("session {session} has ended otherwise")),
        None => {}
    }
    let passed = match ending {
        Ending::Judged(verdict) => Some(verdict.passed),
        Ending::Void(_) => None,
    };
    let memory = match ending {
        Ending::Judged(verdict) => Some(verdict.memory.as_slice()),
        Ending::Void(_) => None,
    };
    db.prepare_cached(
        "UPDATE sessions SET ending = ?2, passed = ?3, ending_memory = ?4 WHERE serial = ?1",
    )?
    .execute(params![serial, text, passed, memory])?;
    let Ending::Judged(verdict) = ending else {
        return Ok(None);
    };
    let record: SessionRecord = serde_json::from_str(&record)?;
    add_finding(db, &record, verdict)?;
    remember(db, &record, &verdict.memory)?;
    Ok(Some((record.session.hotkey, record.session.block)))
}

/// The memory has a table of its own.
fn without_memory(ending: &Ending) -> Ending {
    match ending {
        Ending::Judged(verdict) => Ending::Judged(Verdict {
            memory: Vec::new(),
            ..verdict.clone()
        }),
        Ending::Void(why) => Ending::Void(why.clone()),
    }
}

fn add_finding(
    db: &Transaction<'_>,
    record: &SessionRecord,
    verdict: &Verdict,
) -> Result<(), Failure> {
    let session = &record.session;
    let finding = Finding {
        challenge: record.generator.name.clone(),
        machine: session.machine.clone(),
        block: session.block,
        passed: verdict.passed,
        grade_permille: verdict.grade_permille,
        proven: verdict.proven.clone(),
        metrics: verdict.metrics.clone(),
    };
    probes::add_finding(db, &session.hotkey, &finding)
}

fn remember(db: &Transaction<'_>, record: &SessionRecord, memory: &[u8]) -> Result<(), Failure> {
    let session = &record.session;
    db.prepare_cached(
        "INSERT INTO memories (generator, hotkey, block, memory) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (generator, hotkey) DO UPDATE SET block = ?3, memory = ?4",
    )?
    .execute(params![
        record.generator.name,
        session.hotkey.0,
        int(session.block)?,
        memory
    ])?;
    Ok(())
}

pub(super) fn generator_memory(
    db: &Connection,
    generator: &str,
    hotkey: &AccountId,
) -> Result<Vec<u8>, Failure> {
    let memory = db
        .prepare_cached("SELECT memory FROM memories WHERE generator = ?1 AND hotkey = ?2")?
        .query_row(params![generator, hotkey.0], |row| row.get(0))
        .optional()?;
    Ok(memory.unwrap_or_default())
}

pub(super) fn findings(
    db: &Connection,
    hotkey: &AccountId,
    limit: usize,
) -> Result<Vec<Finding>, Failure> {
    let mut statement = db.prepare_cached(
        "SELECT finding FROM findings WHERE hotkey = ?1 ORDER BY serial DESC LIMIT ?2",
    )?;
    let mut rows = statement.query(params![hotkey.0, len(limit)?])?;
    let mut findings = Vec::new();
    while let Some(row) = rows.next()? {
        findings.push(serde_json::from_str(&row.get::<_, String>(0)?)?);
    }
    Ok(findings)
}

pub(super) fn unfinished(db: &Connection) -> Result<Vec<Unfinished>, Failure> {
    let mut statement = db.prepare_cached(
        "SELECT serial, record, seed, memory FROM sessions WHERE ending IS NULL ORDER BY serial",
    )?;
    let mut rows = statement.query([])?;
    let mut open = Vec::new();
    while let Some(row) = rows.next()? {
        let serial: i64 = row.get(0)?;
        let record = whole(row)?;
        let (transcript, asked) = transcript(db, serial)?;
        open.push(Unfinished {
            record,
            transcript,
            asked,
        });
    }
    Ok(open)
}

/// A record with its seed and memory, which have columns.
fn whole(row: &Row<'_>) -> Result<SessionRecord, Failure> {
    let mut record: SessionRecord = serde_json::from_str(&row.get::<_, String>("record")?)?;
    record.session.seed = hash(row.get("seed")?, "a seed")?;
    record.session.memory = row.get("memory")?;
    Ok(record)
}

/// A session that has ended, if there is one of that id.
pub(super) fn ended(db: &Connection, session: &str) -> Result<Option<EndedSession>, Failure> {
    let mut statement = db.prepare_cached(
        "SELECT serial, record, seed, memory, ending, ending_memory FROM sessions
         WHERE id = ?1 AND ending IS NOT NULL",
    )?;
    let mut rows = statement.query([session])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let mut ending = serde_json::from_str(&row.get::<_, String>("ending")?)?;
    if let Ending::Judged(verdict) = &mut ending {
        let memory: Option<Vec<u8>> = row.get("ending_memory")?;
        verdict.memory = memory.unwrap_or_default();
    }
    Ok(Some(EndedSession {
        record: whole(row)?,
        transcript: transcript(db, row.get("serial")?)?.0,
        ending,
    }))
}

/// What was exchanged, and whether a task is without an answer.
fn transcript(db: &Connection, serial: i64) -> Result<(Vec<Exchange>, bool), Failure> {
    let mut statement = db.prepare_cached(
        "SELECT solver, task, timeout_ms, elapsed_us, answer, payload
         FROM exchanges WHERE session = ?1 ORDER BY step",
    )?;
    let mut rows = statement.query([serial])?;
    let (mut transcript, mut asked) = (Vec::new(), false);
    while let Some(row) = rows.next()? {
        match row.get::<_, Option<String>>("answer")? {
            Some(answer) => transcript.push(exchange(row, &answer)?),
            None => asked = true,
        }
    }
    Ok((transcript, asked))
}

fn exchange(row: &Row<'_>, answer: &str) -> Result<Exchange, Failure> {
    Ok(Exchange {
        task: Task {
            solver: row.get("solver")?,
            payload: row.get("task")?,
            timeout_ms: row.get("timeout_ms")?,
        },
        answer: join_answer(answer, row.get("payload")?)?,
        elapsed_us: uint(row.get("elapsed_us")?)?,
    })
}

fn unknown<T>(session: &str) -> Result<T, Failure> {
    refuse(format!("there is no session {session}"))
}

fn refuse<T>(why: String) -> Result<T, Failure> {
    Err(Failure::Refused(why))
}
