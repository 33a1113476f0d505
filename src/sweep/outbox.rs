//! The outbox: new findings → messages that are sent at least once.
//!
//! Messages are written in the transaction that ends a sweep and stay until the receiver took them, so that no kill loses
//! one. Each has a key by which the receiver knows one that comes twice. They hold what a report may show, and no secret.

use std::time::Duration;

use rusqlite::{Transaction, params};
use serde_json::json;

use super::life::Sweep;
use super::record::FindingRecord;
use super::store::{Error, Store};
use crate::finding::Severity;
use crate::report::rfc3339;

/// Attempts for a message in one run, with pauses that double in between.
const ATTEMPTS: u32 = 3;

/// Writes a message for each finding that is new or back in this sweep, bad enough and not accepted.
pub(super) fn fill(tx: &Transaction, sweep: Sweep, state_id: &str, least: Severity) -> Result<(), Error> {
    let mut statement = tx.prepare(
        "SELECT hex(file), print, secret, state, first_seen, told FROM findings WHERE changed = ?1 AND \
         state IN ('new', 'reopened') AND NOT EXISTS (SELECT 1 FROM accepted WHERE accepted.print = findings.print \
         AND coalesce(until, ?2) >= ?2) ORDER BY print, file",
    )?;
    let mut rows = statement.query(params![sweep.number, sweep.now])?;
    while let Some(row) = rows.next()? {
        let (file, print, secret, state): (String, String, Option<String>, String) =
            (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
        let told: FindingRecord = serde_json::from_str(&row.get::<_, String>(5)?)
            .map_err(|error| Error::Usage(format!("the state is damaged: {error}")))?;
        let finding = told.to_finding(sweep.now);
        if finding.severity < least {
            continue;
        }
        let key = format!("{state_id}-{}-{}-{print}-{state}", sweep.number, file.to_lowercase());
        let payload = json!({
            "type": "keysieve.finding",
            "idempotency_key": key,
            "event": state,
            "sweep": sweep.number,
            "title": told.title(),
            "signature": told.signature_id(),
            "severity": finding.severity.name(),
            "confidence": finding.confidence.name(),
            "place": told.display(),
            "preview": told.preview(),
            "fingerprint": print,
            "secret_fingerprint": secret,
            "first_seen": rfc3339(row.get(4)?),
        });
        tx.prepare_cached("INSERT OR IGNORE INTO outbox (key, payload) VALUES (?1, ?2)")?
            .execute(params![key, payload.to_string()])?;
    }
    Ok(())
}

/// A message.
#[derive(Clone, Debug)]
pub struct Message {
    /// By which the receiver knows it if it comes twice.
    pub key: String,
    /// JSON.
    pub payload: String,
}

/// Sends what waits, oldest first; how many stay behind, with what the receiver said last. A receiver that does not take
/// one after some attempts gets no more in this run.
///
/// # Errors
/// SQLite's.
pub fn deliver(
    store: &Store,
    now: i64,
    pause: Duration,
    send: &mut dyn FnMut(&Message) -> Result<(), String>,
) -> Result<Option<(u64, String)>, Error> {
    loop {
        let next = "SELECT id, key, payload FROM outbox WHERE sent IS NULL ORDER BY id LIMIT 1";
        let message = store.db.query_row(next, [], |row| {
            Ok((row.get::<_, i64>(0)?, Message { key: row.get(1)?, payload: row.get(2)? }))
        });
        let (id, message) = match message {
            Ok(message) => message,
            Err(rusqlite::Error::QueryReturnedNoRows) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        match patiently(&message, pause, send) {
            Ok(()) => {
                store
                    .db
                    .execute("UPDATE outbox SET sent = ?2, tries = tries + 1 WHERE id = ?1", [id, now])?;
            }
            Err(trouble) => {
                store
                    .db
                    .execute("UPDATE outbox SET tries = tries + ?2 WHERE id = ?1", params![id, ATTEMPTS])?;
                let left = "SELECT count(*) FROM outbox WHERE sent IS NULL";
                let left: i64 = store.db.query_row(left, [], |row| row.get(0))?;
                return Ok(Some((left.cast_unsigned(), trouble)));
            }
        }
    }
}

fn patiently(
    message: &Message,
    pause: Duration,
    send: &mut dyn FnMut(&Message) -> Result<(), String>,
) -> Result<(), String> {
    let mut pause = pause;
    for _ in 1..ATTEMPTS {
        if send(message).is_ok() {
            return Ok(());
        }
        std::thread::sleep(pause);
        pause *= 2;
    }
    send(message)
}
