-- The state of sweeps, version 1. No raw secret stands here; names of files and folders stand as keyed digests, and what
-- a report shows stands as the report shows it. Times are seconds since 1970-01-01 UTC, those of files nanoseconds.

CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE sweeps (
  id INTEGER PRIMARY KEY,
  started INTEGER NOT NULL,
  ended INTEGER,                       -- NULL: killed or stopped, so that the next run goes on with it
  manifest TEXT,                       -- digest of the list that its shards work on
  shards INTEGER,
  files INTEGER NOT NULL DEFAULT 0,    -- read
  unchanged INTEGER NOT NULL DEFAULT 0,
  bytes INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE roots (
  id BLOB PRIMARY KEY,
  shown TEXT NOT NULL,
  sweep INTEGER                        -- the last that came to its end
) WITHOUT ROWID;

CREATE TABLE folders (
  id BLOB PRIMARY KEY,
  root BLOB NOT NULL,
  parent BLOB,
  device INTEGER NOT NULL,
  stamp BLOB                           -- digest of the stamps of all that stands in it, if all was read
) WITHOUT ROWID;
CREATE INDEX folders_parent ON folders (parent);

CREATE TABLE files (
  folder BLOB NOT NULL,
  id BLOB NOT NULL,
  size INTEGER NOT NULL,
  mtime INTEGER NOT NULL,
  ctime INTEGER NOT NULL,
  inode INTEGER NOT NULL,
  settings BLOB,                       -- what it was read with; NULL: to be read again
  content BLOB,                        -- digest of its bytes, where that was asked for
  unread INTEGER NOT NULL DEFAULT 0,   -- 1: it was read once, but could not be reached since
  PRIMARY KEY (folder, id)
) WITHOUT ROWID;

CREATE TABLE findings (
  id INTEGER PRIMARY KEY,
  file BLOB NOT NULL,
  folder BLOB NOT NULL,
  root BLOB NOT NULL,
  print TEXT NOT NULL,                 -- kf1:…
  secret TEXT,                         -- ks1:…
  way BLOB NOT NULL,                   -- the containers around it, a digest of 8 bytes for each
  state TEXT NOT NULL,
  before TEXT,                         -- the state that it had before the sweep `changed`
  changed INTEGER NOT NULL,
  first_seen INTEGER NOT NULL,
  first_sweep INTEGER NOT NULL,
  last_seen INTEGER NOT NULL,
  last_sweep INTEGER NOT NULL,
  moved_from TEXT,
  told TEXT NOT NULL,                  -- JSON: all that a report shows
  UNIQUE (file, print)
);
CREATE INDEX findings_folder ON findings (folder);
CREATE INDEX findings_changed ON findings (changed);
CREATE INDEX findings_secret ON findings (secret);

CREATE TABLE gaps (
  file BLOB NOT NULL,
  folder BLOB NOT NULL,
  root BLOB NOT NULL,
  told TEXT NOT NULL,                  -- JSON: all that a report shows
  first_sweep INTEGER NOT NULL,
  last_sweep INTEGER NOT NULL,
  PRIMARY KEY (file, told)
) WITHOUT ROWID;
CREATE INDEX gaps_folder ON gaps (folder);

CREATE TABLE accepted (
  print TEXT PRIMARY KEY,
  who TEXT NOT NULL,
  at INTEGER NOT NULL,
  until INTEGER,
  reason TEXT
) WITHOUT ROWID;

CREATE TABLE outbox (
  id INTEGER PRIMARY KEY,
  key TEXT NOT NULL UNIQUE,            -- the idempotency key: the receiver may see it twice
  payload TEXT NOT NULL,
  tries INTEGER NOT NULL DEFAULT 0,
  sent INTEGER
);

CREATE TABLE parts (
  sweep INTEGER NOT NULL,
  shard INTEGER NOT NULL,
  PRIMARY KEY (sweep, shard)
) WITHOUT ROWID;
