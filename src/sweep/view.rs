//! What the state knows → a report, and what a person decides about it → the state.

use std::collections::HashMap;
use std::time::Duration;

use rusqlite::{Row, params};

use super::Swept;
use super::record::{FindingRecord, GapRecord};
use super::store::{Error, Store};
use crate::budget::Coverage;
use crate::fingerprint::Withheld;
use crate::report::{Acceptance, Credential, Identity, Life, LifeState, Report, Reported, Sweep};

/// Which findings of the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// Those whose state changed in this sweep.
    Changed(i64),
    /// All.
    All,
}

/// Joins each finding with its acceptance, as long as that holds; `?1` is the clock.
const FINDINGS: &str = "SELECT findings.print, secret, state, first_seen, last_seen, first_sweep, last_sweep, moved_from, told, \
     who, reason, until FROM findings LEFT JOIN accepted ON accepted.print = findings.print AND coalesce(until, ?1) >= ?1";

/// A finding of the state.
struct Entry {
    print: String,
    secret: Option<String>,
    life: Life,
    told: String,
    accepted: Option<Acceptance>,
    length: Option<usize>,
}

impl Entry {
    fn of(row: &Row) -> rusqlite::Result<Self> {
        let who: Option<String> = row.get(9)?;
        let reason: Option<String> = row.get(10)?;
        let expires = row.get(11)?;
        let state: String = row.get(2)?;
        let state = LifeState::from_name(&state).unwrap_or(LifeState::Open);
        let accepted = who.filter(|_| state != LifeState::Resolved).map(|who| Acceptance {
            by: "state".to_owned(),
            reason,
            who: Some(who),
            expires,
        });
        let state = if accepted.is_some() { LifeState::Accepted } else { state };
        let life = Life {
            state,
            first_seen: row.get(3)?,
            last_seen: row.get(4)?,
            first_sweep: row.get(5)?,
            last_sweep: row.get(6)?,
            moved_from: row.get(7)?,
        };
        Ok(Self { print: row.get(0)?, secret: row.get(1)?, life, told: row.get(8)?, accepted, length: None })
    }
}

/// Makes a report of what the state knows, with lifetimes as of `now`. `swept` is the sweep that was just done, if it was.
///
/// # Errors
/// SQLite's.
pub fn report(store: &Store, which: Which, now: i64, swept: Option<&Swept>) -> Result<Report, Error> {
    let (filter, number) = match which {
        Which::Changed(number) => ("changed = ?2", number),
        Which::All => ("?2 = ?2", 0),
    };
    let mut statement = store.db.prepare(&format!("{FINDINGS} WHERE {filter}"))?;
    let entries = statement.query_map(params![now, number], Entry::of)?;
    let mut findings = Vec::new();
    for entry in entries {
        let mut entry = entry?;
        let told: FindingRecord = parse(&entry.told)?;
        entry.length = told.length;
        findings.push((entry, told.to_finding(now)));
    }
    let order = |(entry, finding): &(Entry, crate::finding::Finding)| {
        let start = finding.location.bytes.as_ref().map(|bytes| bytes.start);
        (finding.location.provenance.clone(), start, entry.print.clone())
    };
    findings.sort_by_cached_key(order);
    let (findings, secrets) = credentials(findings);
    let coverage = swept.map(|swept| swept.coverage.clone()).unwrap_or_default();
    Ok(Report {
        inventory: None,
        inputs: roots(store)?,
        settings: Vec::new(),
        now,
        duration: Duration::ZERO,
        key_id: Some(store.key.id()),
        findings,
        secrets,
        coverage: Coverage { gaps: gaps(store, which)?, ..coverage },
        sweep: Some(sweep(store, now, swept)?),
        notices: Vec::new(),
        violations: None,
        left_out: 0,
    })
}

fn parse<T: serde::de::DeserializeOwned>(told: &str) -> Result<T, Error> {
    serde_json::from_str(told).map_err(|error| Error::Usage(format!("the state is damaged: {error}")))
}

/// Groups findings by the secret that they hold.
fn credentials(entries: Vec<(Entry, crate::finding::Finding)>) -> (Vec<Reported>, Vec<Credential>) {
    let mut secrets: Vec<Credential> = Vec::new();
    let mut known: HashMap<String, usize> = HashMap::new();
    let mut findings = Vec::new();
    for (index, (entry, finding)) in entries.into_iter().enumerate() {
        let next = secrets.len();
        let secret =
            entry.secret.as_ref().map_or(next, |secret| *known.entry(secret.clone()).or_insert(next));
        if secret == next {
            let identity = entry.secret.map_or(
                Identity::Group { number: next + 1, withheld: Withheld::NoValue },
                Identity::Fingerprint,
            );
            secrets.push(Credential {
                identity,
                guessable: finding.guessable,
                findings: Vec::new(),
                flows: 0,
            });
        }
        if let Some(credential) = secrets.get_mut(secret) {
            credential.findings.push(index);
            credential.flows += usize::from(finding.place.flow.is_some());
        }
        findings.push(Reported {
            finding,
            fingerprint: entry.print,
            secret,
            accepted: entry.accepted,
            life: Some(entry.life),
            commit: None,
            length: entry.length,
        });
    }
    (findings, secrets)
}

/// New gaps of a sweep, and each time those of roots and folders that could not be looked at; or all.
fn gaps(store: &Store, which: Which) -> Result<Vec<crate::budget::Gap>, Error> {
    let (filter, number) = match which {
        Which::Changed(number) => ("first_sweep = ?1 OR (file = root AND last_sweep = ?1)", number),
        Which::All => ("?1 = ?1", 0),
    };
    let mut statement = store.db.prepare(&format!("SELECT told FROM gaps WHERE {filter}"))?;
    let mut gaps = Vec::new();
    for told in statement.query_map([number], |row| row.get::<_, String>(0))? {
        gaps.push(parse::<GapRecord>(&told?)?.to_gap());
    }
    gaps.sort_by(|a, b| (&a.provenance, a.reason, &a.detail).cmp(&(&b.provenance, b.reason, &b.detail)));
    Ok(gaps)
}

fn roots(store: &Store) -> Result<Vec<String>, Error> {
    let mut statement = store.db.prepare("SELECT shown FROM roots ORDER BY shown")?;
    Ok(statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

fn sweep(store: &Store, now: i64, swept: Option<&Swept>) -> Result<Sweep, Error> {
    let counted = "SELECT CASE WHEN who IS NOT NULL AND state <> 'resolved' THEN 'accepted' ELSE state END, count(*) \
         FROM findings LEFT JOIN accepted ON accepted.print = findings.print AND coalesce(until, ?1) >= ?1 GROUP BY 1";
    let mut statement = store.db.prepare(counted)?;
    let counts: HashMap<String, i64> =
        statement.query_map([now], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
    let count = |state: LifeState| counts.get(state.name()).map_or(0, |count| count.cast_unsigned());
    let last = "SELECT id, unchanged, ended IS NOT NULL FROM sweeps ORDER BY id DESC LIMIT 1";
    let (number, unchanged, whole) = store
        .db
        .query_row(last, [], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.cast_unsigned(), row.get(2)?)))
        .unwrap_or_default();
    Ok(Sweep {
        number,
        states: LifeState::ALL.iter().map(|&state| (state, count(state))).collect(),
        unchanged: swept.map_or(unchanged, |swept| swept.unchanged),
        whole: swept.map_or(whole, |swept| swept.whole),
        gaps: store
            .db
            .query_row("SELECT count(*) FROM gaps", [], |row| row.get::<_, i64>(0))?
            .cast_unsigned(),
    })
}

/// What a person says to accept a finding.
#[derive(Clone, Copy, Debug)]
pub struct Decision<'a> {
    /// Who.
    pub who: &'a str,
    /// Why.
    pub reason: &'a str,
    /// Until when, seconds since 1970-01-01 UTC; for good if none.
    pub until: Option<i64>,
}

/// Accepts all findings of a fingerprint; how many there are.
///
/// # Errors
/// SQLite's.
pub fn accept(store: &Store, print: &str, decision: &Decision, now: i64) -> Result<usize, Error> {
    let there: i64 =
        store.db.query_row("SELECT count(*) FROM findings WHERE print = ?1", [print], |row| row.get(0))?;
    if there > 0 {
        store.db.execute(
            "INSERT OR REPLACE INTO accepted (print, who, at, until, reason) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![print, decision.who, now, decision.until, decision.reason],
        )?;
    }
    Ok(usize::try_from(there).unwrap_or(0))
}

/// Takes an acceptance back; whether there was one.
///
/// # Errors
/// SQLite's.
pub fn withdraw(store: &Store, print: &str) -> Result<bool, Error> {
    Ok(store.db.execute("DELETE FROM accepted WHERE print = ?1", [print])? > 0)
}

/// Forgets findings of a fingerprint. The files they stand in are read again by the next sweep, so what is still there is
/// new then.
///
/// # Errors
/// SQLite's.
pub fn forget(store: &mut Store, print: &str) -> Result<usize, Error> {
    let tx = store.db.transaction()?;
    for sql in [
        "UPDATE folders SET stamp = NULL WHERE id IN (SELECT folder FROM findings WHERE print = ?1)",
        "UPDATE files SET settings = NULL WHERE (folder, id) IN (SELECT folder, file FROM findings WHERE print = ?1)",
        "DELETE FROM accepted WHERE print = ?1",
    ] {
        tx.execute(sql, [print])?;
    }
    let forgotten = tx.execute("DELETE FROM findings WHERE print = ?1", [print])?;
    tx.commit()?;
    Ok(forgotten)
}

/// Drops what was resolved before `before` and acceptances of what is no more, and gives the space back; how many findings
/// were dropped.
///
/// # Errors
/// SQLite's.
pub fn compact(store: &Store, before: i64) -> Result<usize, Error> {
    let dropped =
        store.db.execute("DELETE FROM findings WHERE state = 'resolved' AND last_seen < ?1", [before])?;
    store.db.execute("DELETE FROM accepted WHERE print NOT IN (SELECT print FROM findings)", [])?;
    store.db.execute("DELETE FROM outbox WHERE sent IS NOT NULL AND sent < ?1", [before])?;
    store.db.execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE)")?;
    Ok(dropped)
}
