//! Merging: a manifest and its parts → the state. Exact, in any order, and any number of times.
//!
//! A part says all of its files and touches nothing else, so their order does not matter; which of them are in is kept,
//! so twice is once. What vanished is told by the manifest alone, once all parts are in.

use std::io::BufReader;
use std::path::Path;

use rusqlite::{Transaction, params};
use sha2::{Digest, Sha256};

use super::life::{Note, Sweep};
use super::manifest::{Line, Manifest, PartLine, lines};
use super::record::{FileRecord, Id};
use super::store::{Error, Store, hex};
use super::{Swept, close};
use crate::budget::Coverage;
use crate::detect::Detectors;
use crate::finding::Severity;
use crate::mask::Masker;
use crate::signature;

/// What a merge came to.
#[derive(Clone, Debug)]
pub struct Merged {
    /// The sweep that the manifest stands for.
    pub swept: Swept,
    /// Parts that are still to come.
    pub missing: u64,
}

/// Brings parts into the state.
///
/// # Errors
/// If a part is of another manifest, key or number of shards, or is not whole.
pub fn merge(
    store: &mut Store,
    manifest: &Manifest,
    parts: &[impl AsRef<Path>],
    notify: Option<Severity>,
) -> Result<Merged, Error> {
    let _lease = store.lease()?;
    manifest.check_key(&store.key)?;
    let heads = parts.iter().map(|part| check(part.as_ref(), manifest)).collect::<Result<Vec<_>, _>>()?;
    let Some(of) = heads.first().map(|head| head.1) else {
        return Err(Error::Usage("no part was named".to_owned()));
    };
    if heads.iter().any(|head| head.1 != of) {
        return Err(Error::Usage("the parts are of different numbers of shards".to_owned()));
    }
    let sweep = Sweep::begin(&mut store.db, manifest.made, Some((&manifest.digest, of)))?;
    let begun: i64 =
        store.db.query_row("SELECT shards FROM sweeps WHERE id = ?1", [sweep.number], |row| row.get(0))?;
    if begun.cast_unsigned() != of {
        return Err(Error::Usage(format!(
            "other parts of this manifest were of {begun} shards, these are of {of}"
        )));
    }
    let mut coverage = Coverage::default();
    for (part, (shard, _)) in parts.iter().zip(heads) {
        bring(store, sweep, part.as_ref(), shard, &mut coverage)?;
    }
    let there: i64 =
        store
            .db
            .query_row("SELECT count(*) FROM parts WHERE sweep = ?1", [sweep.number], |row| row.get(0))?;
    let missing = of.saturating_sub(there.cast_unsigned());
    let mut unchanged = 0;
    if missing == 0 {
        unchanged = complete(store, sweep, manifest, notify)?;
    }
    let swept = Swept { sweep, coverage, unchanged, whole: missing == 0 };
    Ok(Merged { swept, missing })
}

/// Reads a part to its end and checks that it is whole and belongs here: its shard, and of how many.
fn check(path: &Path, manifest: &Manifest) -> Result<(u64, u64), Error> {
    let wrong = |why: &str| Error::Usage(format!("{}: {why}", path.display()));
    let mut digest = Sha256::new();
    let (mut head, mut ended) = (None, false);
    for line in open(path)? {
        let (line, text) = line?;
        match line {
            PartLine::Part { version: 1, manifest: name, shard, of, key_id } => {
                if name != manifest.digest {
                    return Err(wrong("is a part of another manifest"));
                }
                if key_id != manifest.key_id {
                    return Err(wrong("was made with another key"));
                }
                if shard == 0 || shard > of {
                    return Err(wrong("there is no such shard"));
                }
                head = Some((shard, of));
            }
            PartLine::Part { .. } => return Err(wrong("has a version that is not known here")),
            PartLine::End { digest: said, .. } => ended = said == hex(&digest.clone().finalize()),
            PartLine::File(_) => ended = false,
        }
        digest.update(text.as_bytes());
    }
    head.filter(|_| ended).ok_or_else(|| wrong("is not whole"))
}

fn open(path: &Path) -> Result<impl Iterator<Item = Result<(PartLine, String), Error>> + use<>, Error> {
    let file = std::fs::File::open(path).map_err(|source| Error::File { path: path.to_owned(), source })?;
    Ok(lines(BufReader::new(file)))
}

/// Brings one part in, whole or not at all, unless it is in already.
fn bring(
    store: &mut Store,
    sweep: Sweep,
    path: &Path,
    shard: u64,
    coverage: &mut Coverage,
) -> Result<(), Error> {
    let tx = store.db.transaction()?;
    let known = "INSERT OR IGNORE INTO parts VALUES (?1, ?2)";
    if tx.execute(known, params![sweep.number, shard.cast_signed()])? == 0 {
        return Ok(());
    }
    for line in open(path)? {
        if let (PartLine::File(record), _) = line? {
            coverage.files += u64::from(is_file(&record));
            coverage.bytes += record.bytes;
            sweep.apply(&tx, Note::File(record))?;
        }
    }
    tx.execute(
        "UPDATE sweeps SET files = files + ?2, bytes = bytes + ?3 WHERE id = ?1",
        params![sweep.number, coverage.files.cast_signed(), coverage.bytes.cast_signed()],
    )?;
    Ok(tx.commit()?)
}

fn is_file(record: &FileRecord) -> bool {
    record.stamp != (0, 0, 0, 0)
}

/// What only the whole list can tell: what is gone, what came back. In one transaction with the end of the sweep; how many
/// files had not changed.
fn complete(
    store: &mut Store,
    sweep: Sweep,
    manifest: &Manifest,
    notify: Option<Severity>,
) -> Result<u64, Error> {
    let state_id = store.id()?;
    let tx = store.db.transaction()?;
    let ended: Option<i64> =
        tx.query_row("SELECT ended FROM sweeps WHERE id = ?1", [sweep.number], |row| row.get(0))?;
    if ended.is_some() {
        return Ok(tx.query_row("SELECT unchanged FROM sweeps WHERE id = ?1", [sweep.number], |row| {
            row.get::<_, i64>(0).map(i64::cast_unsigned)
        })?);
    }
    let detectors = Detectors::new(signature::built_in().iter().collect());
    let detector = |text: &str| detectors.spans(text);
    let masker = Masker::new([], &detector);
    for root in &manifest.roots {
        let sql = "INSERT INTO roots (id, shown) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET shown = ?2";
        tx.execute(sql, params![root.id.0, masker.text(&root.shown)])?;
    }
    let unchanged = list(&tx, sweep, manifest)?;
    settle(&tx, sweep)?;
    let walked: Vec<Id> = manifest.roots.iter().map(|root| root.id).collect();
    close(&tx, sweep, &walked, true, (0, unchanged, 0), notify.map(|least| (least, state_id.as_str())))?;
    tx.commit()?;
    Ok(unchanged)
}

/// Puts what is there into tables of its own, and tells what could not be looked at.
fn list(tx: &Transaction, sweep: Sweep, manifest: &Manifest) -> Result<u64, Error> {
    tx.execute_batch(
        "CREATE TEMP TABLE IF NOT EXISTS listed (folder BLOB, id BLOB, PRIMARY KEY (folder, id)) WITHOUT ROWID;
         CREATE TEMP TABLE IF NOT EXISTS entered (id BLOB PRIMARY KEY, device INTEGER) WITHOUT ROWID;
         CREATE TEMP TABLE IF NOT EXISTS closed (id BLOB PRIMARY KEY) WITHOUT ROWID;
         DELETE FROM listed; DELETE FROM entered; DELETE FROM closed;",
    )?;
    let mut unchanged_files = 0;
    for line in manifest.lines()? {
        match line?.0 {
            Line::Folder { id, root, parent, device } => {
                let Some(root) = manifest.roots.get(root) else { continue };
                sweep.apply(tx, Note::Enter { folder: id, root: root.id, parent, device })?;
                tx.prepare_cached("INSERT OR IGNORE INTO entered VALUES (?1, ?2)")?
                    .execute(params![id.0, device.cast_signed()])?;
            }
            Line::File { folder, id, unchanged, stamp, .. } => {
                tx.prepare_cached("INSERT OR IGNORE INTO listed VALUES (?1, ?2)")?
                    .execute([folder.0, id.0])?;
                if unchanged {
                    unchanged_files += u64::from(stamp != (0, 0, 0, 0));
                    sweep.apply(tx, Note::Back { folder, file: id })?;
                }
            }
            Line::Unlisted { folder, root, gap } => {
                let Some(root) = manifest.roots.get(root) else { continue };
                tx.prepare_cached("INSERT OR IGNORE INTO closed VALUES (?1)")?.execute([folder.0])?;
                sweep.apply(tx, Note::Unlisted { folder, root: root.id, gap: Some(gap) })?;
            }
            Line::Manifest { .. } | Line::End { .. } => {}
        }
    }
    Ok(unchanged_files)
}

/// Ends each folder that was listed: what the state knows in it and the list does not is gone.
fn settle(tx: &Transaction, sweep: Sweep) -> Result<(), Error> {
    let mut folders = tx.prepare("SELECT id, device FROM entered WHERE id NOT IN (SELECT id FROM closed)")?;
    let folders: Vec<([u8; 16], i64)> =
        folders.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
    for (id, device) in folders {
        let folder = Id(id);
        let files =
            "SELECT id FROM files WHERE folder = ?1 AND id NOT IN (SELECT id FROM listed WHERE folder = ?1)";
        let gone_files = ids(tx, files, folder)?;
        let below = "SELECT id FROM folders WHERE parent = ?1 AND id NOT IN (SELECT id FROM entered)";
        let gone_folders = ids(tx, below, folder)?;
        let device = device.cast_unsigned();
        sweep.apply(tx, Note::Done { folder, device, stamp: None, gone_files, gone_folders })?;
    }
    Ok(())
}

fn ids(tx: &Transaction, sql: &str, folder: Id) -> Result<Vec<Id>, Error> {
    let mut statement = tx.prepare_cached(sql)?;
    let rows = statement.query_map([folder.0], |row| row.get(0).map(Id))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
