//! The life of findings: notes of a walk → rows of the state, in transactions of the one writer.
//!
//! A finding is known by its file and its fingerprint. It is `new` in the sweep that met it first and `open` after that;
//! `resolved` if its place was read whole and it is gone; `unreadable` if its place was not; `reopened` if it comes back.
//! Each note says all of one file or folder, so that what is committed is true whenever the process ends.

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::record::{FileRecord, FindingRecord, GapRecord, Id};
use super::store::Error;

/// A sweep at work.
#[derive(Clone, Copy, Debug)]
pub struct Sweep {
    /// Its number, from 1.
    pub number: i64,
    /// Its clock, seconds since 1970-01-01 UTC.
    pub now: i64,
}

/// What the walk tells the writer.
pub(super) enum Note {
    /// A folder that the state does not know, before anything in it.
    Enter { folder: Id, root: Id, parent: Option<Id>, device: u64 },
    /// What a file gave.
    File(Box<FileRecord>),
    /// A file has not changed, but the state thinks that it cannot be reached.
    Back { folder: Id, file: Id },
    /// A file is there, but an option leaves it out.
    Unread { folder: Id, file: Id },
    /// A folder could not be looked at, so nothing is known of all that is below it.
    Unlisted { folder: Id, root: Id, gap: Option<GapRecord> },
    /// A folder was looked at; `stamp` if all in it was read.
    Done { folder: Id, device: u64, stamp: Option<Id>, gone_files: Vec<Id>, gone_folders: Vec<Id> },
}

/// All folders below one, itself included.
const BELOW: &str = "WITH RECURSIVE below(id) AS (SELECT ?1 UNION SELECT folders.id FROM folders JOIN below ON parent = below.id)";

impl Sweep {
    /// Begins the next sweep, or goes on with the last one if it did not come to its end.
    ///
    /// # Errors
    /// SQLite's.
    pub fn begin(db: &mut Connection, now: i64, manifest: Option<(&str, u64)>) -> Result<Self, Error> {
        let tx = db.transaction()?;
        let last: Option<(i64, Option<i64>, Option<String>)> = tx
            .query_row("SELECT id, ended, manifest FROM sweeps ORDER BY id DESC LIMIT 1", [], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })
            .optional()?;
        let wanted = manifest.map(|(name, _)| name);
        let merged: Option<(i64, Option<i64>)> = tx
            .query_row("SELECT id, ended FROM sweeps WHERE manifest = ?1", [wanted], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .optional()?;
        let number = match (last, merged) {
            (Some((last, ..)), Some((number, None))) if number < last => {
                return Err(Error::Usage(
                    "another sweep has begun since this manifest was first merged".to_owned(),
                ));
            }
            (_, Some((number, _))) => number,
            (Some((number, None, None)), None) if wanted.is_none() => number,
            (last, None) => {
                let number = last.map_or(1, |(number, ..)| number + 1);
                tx.execute(
                    "INSERT INTO sweeps (id, started, manifest, shards) VALUES (?1, ?2, ?3, ?4)",
                    params![number, now, wanted, manifest.map(|(_, shards)| shards.cast_signed())],
                )?;
                tx.execute("UPDATE findings SET state = 'open' WHERE state IN ('new', 'reopened')", [])?;
                number
            }
        };
        tx.commit()?;
        Ok(Self { number, now })
    }

    /// Takes in a note.
    pub(super) fn apply(&self, tx: &Transaction, note: Note) -> Result<(), Error> {
        match note {
            Note::Enter { folder, root, parent, device } => {
                let parent = parent.map(|id| id.0);
                tx.prepare_cached("INSERT OR IGNORE INTO folders VALUES (?1, ?2, ?3, ?4, NULL)")?
                    .execute(params![folder.0, root.0, parent, device.cast_signed()])?;
                Ok(())
            }
            Note::File(record) => self.file(tx, &record),
            Note::Back { folder, file } => self.back(tx, folder, file),
            Note::Unread { folder, file } => {
                self.turn(tx, "unreadable", "file = ?4 AND state IN ('new', 'open', 'reopened')", &[file])?;
                tx.prepare_cached("UPDATE files SET unread = 1 WHERE folder = ?1 AND id = ?2")?
                    .execute(params![folder.0, file.0])?;
                Ok(())
            }
            Note::Unlisted { folder, root, gap } => self.unlisted(tx, folder, root, gap.as_ref()),
            Note::Done { folder, device, stamp, gone_files, gone_folders } => {
                for file in gone_files {
                    self.gone_file(tx, folder, file)?;
                }
                for folder in gone_folders {
                    self.gone_folder(tx, folder)?;
                }
                tx.prepare_cached("DELETE FROM gaps WHERE file = ?1")?.execute([folder.0])?;
                tx.prepare_cached("UPDATE folders SET device = ?2, stamp = ?3 WHERE id = ?1")?
                    .execute(params![folder.0, device.cast_signed(), stamp.map(|stamp| stamp.0)])?;
                Ok(())
            }
        }
    }

    /// Gives another state to findings for which `which` holds; parameters of that begin with `?4`.
    fn turn(&self, tx: &Transaction, state: &str, which: &str, ids: &[Id]) -> Result<usize, Error> {
        let sql = format!(
            "UPDATE findings SET before = CASE WHEN changed = ?2 THEN before ELSE state END, \
             state = CASE WHEN ?1 = 'open' AND first_sweep = ?2 THEN 'new' ELSE ?1 END, changed = ?2 \
             WHERE ?3 AND {which}"
        );
        let mut statement = tx.prepare_cached(&sql)?;
        statement.raw_bind_parameter(1, state)?;
        statement.raw_bind_parameter(2, self.number)?;
        statement.raw_bind_parameter(3, true)?;
        for (at, id) in ids.iter().enumerate() {
            statement.raw_bind_parameter(at + 4, id.0)?;
        }
        Ok(statement.raw_execute()?)
    }

    fn file(&self, tx: &Transaction, record: &FileRecord) -> Result<(), Error> {
        let known = known_of(tx, record.file)?;
        for finding in &record.findings {
            match known.iter().find(|known| known.print == finding.print) {
                Some(known) => self.met_again(tx, known, finding)?,
                None => self.met(tx, record, finding)?,
            }
        }
        let missing = |known: &&Known| !record.findings.iter().any(|finding| finding.print == known.print);
        for known in known.iter().filter(missing) {
            self.missed(tx, known, &record.gaps)?;
        }
        self.gaps(tx, record)?;
        let stamp = record.stamp();
        tx.prepare_cached("INSERT OR REPLACE INTO files VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0)")?
            .execute(params![
                record.folder.0,
                record.file.0,
                stamp.size.cast_signed(),
                stamp.mtime,
                stamp.ctime,
                stamp.inode.cast_signed(),
                record.settings.map(|id| id.0),
                record.content.map(|id| id.0)
            ])?;
        Ok(())
    }

    fn met(&self, tx: &Transaction, record: &FileRecord, finding: &FindingRecord) -> Result<(), Error> {
        tx.prepare_cached(
            "INSERT INTO findings (file, folder, root, print, secret, way, state, changed, first_seen, first_sweep, \
             last_seen, last_sweep, told) VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'new', ?7, ?8, ?7, ?8, ?7, ?9)",
        )?
        .execute(params![
            record.file.0,
            record.folder.0,
            record.root.0,
            finding.print,
            finding.secret,
            finding.way_id,
            self.number,
            self.now,
            told(finding)?
        ])?;
        Ok(())
    }

    fn met_again(&self, tx: &Transaction, known: &Known, finding: &FindingRecord) -> Result<(), Error> {
        let turned = known.changed == self.number;
        let state = match known.state.as_str() {
            "resolved" if turned => known.before.as_deref().unwrap_or("new"),
            "resolved" => "reopened",
            "unreadable" if known.first_sweep == self.number => "new",
            "unreadable" => "open",
            same => same,
        };
        let changed = if state == known.state { known.changed } else { self.number };
        let before = if turned { known.before.as_deref() } else { Some(known.state.as_str()) };
        tx.prepare_cached(
            "UPDATE findings SET state = ?2, before = ?3, changed = ?4, last_seen = ?5, last_sweep = ?6, told = ?7, \
             way = ?8 WHERE id = ?1",
        )?
        .execute(params![
            known.id,
            state,
            before,
            changed,
            self.now,
            self.number,
            told(finding)?,
            finding.way_id
        ])?;
        Ok(())
    }

    /// A finding that its file did not give: gone, unless its place in the file was not read.
    fn missed(&self, tx: &Transaction, known: &Known, gaps: &[GapRecord]) -> Result<(), Error> {
        let unread = gaps.iter().any(|gap| gap.covers(&known.way));
        let state = if unread { "unreadable" } else { "resolved" };
        if known.state == "resolved" || known.state == state {
            return Ok(());
        }
        let before = if known.changed == self.number { known.before.as_deref() } else { Some(&*known.state) };
        tx.prepare_cached("UPDATE findings SET state = ?2, before = ?3, changed = ?4 WHERE id = ?1")?
            .execute(params![known.id, state, before, self.number])?;
        Ok(())
    }

    fn gaps(&self, tx: &Transaction, record: &FileRecord) -> Result<(), Error> {
        for gap in &record.gaps {
            let told = serde_json::to_string(gap).map_err(|error| Error::Usage(error.to_string()))?;
            self.gap(tx, record.file, record.folder, record.root, &told)?;
        }
        let old = "DELETE FROM gaps WHERE file = ?1 AND last_sweep < ?2";
        tx.prepare_cached(old)?.execute(params![record.file.0, self.number])?;
        if record.gaps.is_empty() {
            tx.prepare_cached("DELETE FROM gaps WHERE file = ?1")?.execute([record.file.0])?;
        }
        Ok(())
    }

    fn gap(&self, tx: &Transaction, file: Id, folder: Id, root: Id, told: &str) -> Result<(), Error> {
        tx.prepare_cached(
            "INSERT INTO gaps VALUES (?1, ?2, ?3, ?4, ?5, ?5) ON CONFLICT DO UPDATE SET last_sweep = ?5",
        )?
        .execute(params![file.0, folder.0, root.0, told, self.number])?;
        Ok(())
    }

    fn back(&self, tx: &Transaction, folder: Id, file: Id) -> Result<(), Error> {
        self.turn(tx, "open", "file = ?4 AND state = 'unreadable'", &[file])?;
        tx.prepare_cached("UPDATE files SET unread = 0 WHERE folder = ?1 AND id = ?2")?
            .execute(params![folder.0, file.0])?;
        Ok(())
    }

    fn gone_file(&self, tx: &Transaction, folder: Id, file: Id) -> Result<(), Error> {
        self.turn(tx, "resolved", "file = ?4 AND state <> 'resolved'", &[file])?;
        tx.prepare_cached("DELETE FROM gaps WHERE file = ?1")?.execute([file.0])?;
        tx.prepare_cached("DELETE FROM files WHERE folder = ?1 AND id = ?2")?
            .execute(params![folder.0, file.0])?;
        Ok(())
    }

    fn gone_folder(&self, tx: &Transaction, folder: Id) -> Result<(), Error> {
        let mut below = tx.prepare_cached(&format!("{BELOW} SELECT id FROM below"))?;
        let below: Vec<[u8; 16]> =
            below.query_map([folder.0], |row| row.get(0))?.collect::<Result<_, _>>()?;
        for id in below.into_iter().map(Id) {
            self.turn(tx, "resolved", "folder = ?4 AND state <> 'resolved'", &[id])?;
            for sql in [
                "DELETE FROM gaps WHERE folder = ?1",
                "DELETE FROM files WHERE folder = ?1",
                "DELETE FROM folders WHERE id = ?1",
            ] {
                tx.prepare_cached(sql)?.execute([id.0])?;
            }
        }
        Ok(())
    }

    /// What is below a folder that cannot be looked at: neither there nor gone. Whatever holds a finding is looked at anew
    /// once the folder is back.
    fn unlisted(&self, tx: &Transaction, folder: Id, root: Id, gap: Option<&GapRecord>) -> Result<(), Error> {
        if let Some(gap) = gap {
            let told = serde_json::to_string(gap).map_err(|error| Error::Usage(error.to_string()))?;
            tx.prepare_cached("DELETE FROM gaps WHERE file = ?1 AND told <> ?2")?
                .execute(params![folder.0, told])?;
            self.gap(tx, folder, folder, root, &told)?;
        }
        for sql in [
            "UPDATE files SET unread = 1 WHERE (folder, id) IN (SELECT folder, file FROM findings \
             WHERE folder IN (SELECT id FROM below) AND state IN ('new', 'open', 'reopened', 'unreadable'))",
            "UPDATE folders SET stamp = NULL WHERE id = ?1 OR id IN (SELECT folder FROM findings \
             WHERE folder IN (SELECT id FROM below) AND state IN ('new', 'open', 'reopened', 'unreadable'))",
        ] {
            tx.prepare_cached(&format!("{BELOW} {sql}"))?.execute([folder.0])?;
        }
        let mut holders = tx.prepare_cached(&format!(
            "{BELOW} SELECT DISTINCT folder FROM findings WHERE folder IN (SELECT id FROM below) \
             AND state IN ('new', 'open', 'reopened')"
        ))?;
        let holders: Vec<[u8; 16]> =
            holders.query_map([folder.0], |row| row.get(0))?.collect::<Result<_, _>>()?;
        for id in holders.into_iter().map(Id) {
            self.turn(tx, "unreadable", "folder = ?4 AND state IN ('new', 'open', 'reopened')", &[id])?;
        }
        Ok(())
    }

    /// Secrets that are resolved in one place and new in another have moved: they stay open since they were first seen.
    /// One that was accepted where it stood is new where it stands now: nobody accepted it there.
    pub(super) fn moves(&self, tx: &Transaction) -> Result<(), Error> {
        let arrived = self.of_secret(tx, "state = 'new' AND first_sweep = ?1")?;
        let left = self.of_secret(
            tx,
            "state = 'resolved' AND changed = ?1 AND NOT EXISTS (SELECT 1 FROM accepted \
             WHERE accepted.print = findings.print AND coalesce(until, ?2) >= ?2)",
        )?;
        let mut left = left.into_iter().peekable();
        for new in arrived {
            while left.peek().is_some_and(|old| old.secret < new.secret) {
                left.next();
            }
            if left.peek().is_some_and(|old| old.secret == new.secret)
                && let Some(old) = left.next()
            {
                let told: FindingRecord =
                    serde_json::from_str(&old.told).map_err(|error| Error::Usage(error.to_string()))?;
                tx.execute(
                    "UPDATE findings SET state = 'open', before = 'open', first_seen = ?2, first_sweep = ?3, \
                     moved_from = ?4 WHERE id = ?1",
                    params![new.id, old.first_seen, old.first_sweep, told.display()],
                )?;
                tx.execute("DELETE FROM findings WHERE id = ?1", [old.id])?;
            }
        }
        Ok(())
    }

    /// Findings with a value, by secret and then by what does not depend on the order in which they came.
    fn of_secret(&self, tx: &Transaction, which: &str) -> Result<Vec<Moving>, Error> {
        let mut statement = tx.prepare(&format!(
            "SELECT id, secret, first_seen, first_sweep, told FROM findings WHERE secret IS NOT NULL AND ?2 > 0 AND \
             {which} ORDER BY secret, first_sweep, print, file"
        ))?;
        let rows = statement.query_map(params![self.number, self.now.max(1)], |row| {
            Ok(Moving {
                id: row.get(0)?,
                secret: row.get(1)?,
                first_seen: row.get(2)?,
                first_sweep: row.get(3)?,
                told: row.get(4)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

/// A finding that may have moved.
struct Moving {
    id: i64,
    secret: String,
    first_seen: i64,
    first_sweep: i64,
    told: String,
}

/// A finding that the state knows.
struct Known {
    id: i64,
    print: String,
    state: String,
    before: Option<String>,
    way: Vec<u8>,
    changed: i64,
    first_sweep: i64,
}

fn known_of(tx: &Transaction, file: Id) -> Result<Vec<Known>, Error> {
    let mut statement = tx.prepare_cached(
        "SELECT id, print, state, before, way, changed, first_sweep FROM findings WHERE file = ?1",
    )?;
    let rows = statement.query_map([file.0], |row| {
        Ok(Known {
            id: row.get(0)?,
            print: row.get(1)?,
            state: row.get(2)?,
            before: row.get(3)?,
            way: row.get(4)?,
            changed: row.get(5)?,
            first_sweep: row.get(6)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn told(finding: &FindingRecord) -> Result<String, Error> {
    serde_json::to_string(finding).map_err(|error| Error::Usage(error.to_string()))
}
