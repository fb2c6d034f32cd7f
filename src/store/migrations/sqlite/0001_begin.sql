-- The first schema. Times are milliseconds since 1970-01-01T00:00Z, in columns that end in `_ms`.
-- A released migration is never edited: a later one changes what it made.

CREATE TABLE rotation (
    -- UUID of version 7 in lower case with hyphens, so that ids sort by time.
    id              TEXT    NOT NULL PRIMARY KEY,
    -- The target's configured name.
    target          TEXT    NOT NULL,
    -- The console account that it is driven through, as configured when it began.
    account         TEXT    NOT NULL,
    -- Summary of the journal: where it stands, in one word.
    phase           TEXT    NOT NULL,
    -- Summary of the journal: when its first event was admitted.
    admitted_at_ms  INTEGER NOT NULL,
    -- Summary of the journal: when its last entry was written.
    updated_at_ms   INTEGER NOT NULL,
    -- Summary of the journal: when it ended; NULL for one that has not.
    finished_at_ms  INTEGER,
    -- Summary of the journal: the number of its last entry.
    last_seq        INTEGER NOT NULL,
    -- When it is looked at next; NULL for not by itself. It stays while the rotation is driven, so
    -- that a rotation whose driver dies is due as soon as the lease has expired.
    due_at_ms       INTEGER,
    -- The fence of the claim that drives it and has not been released; NULL for none. Where it is
    -- still there at the next claim, that driver died.
    held_fence      INTEGER,
    CHECK (finished_at_ms IS NULL OR due_at_ms IS NULL)
) STRICT;

-- A target has at most one unfinished rotation; further events join it.
CREATE UNIQUE INDEX rotation_unfinished ON rotation (target) WHERE finished_at_ms IS NULL;
-- What to do next.
CREATE INDEX rotation_due ON rotation (due_at_ms) WHERE due_at_ms IS NOT NULL;
-- Lists by target and by phase, newest first.
CREATE INDEX rotation_target ON rotation (target, id);
CREATE INDEX rotation_phase ON rotation (phase, id);

-- The journals. Rows are added and never changed.
CREATE TABLE entry (
    rotation        TEXT    NOT NULL REFERENCES rotation (id),
    -- From 1, without gaps.
    seq             INTEGER NOT NULL,
    -- When it was written.
    at_ms           INTEGER NOT NULL,
    -- The fence under which a worker wrote it; NULL for intake and operators.
    fence           INTEGER,
    -- What it says, as JSON.
    entry           TEXT    NOT NULL,
    PRIMARY KEY (rotation, seq)
) STRICT, WITHOUT ROWID;

-- Every event that was ever admitted, so that a redelivery is recognised.
CREATE TABLE event (
    -- The configured source that it came through.
    source          TEXT    NOT NULL,
    -- The sender's own id, the same on every redelivery.
    id              TEXT    NOT NULL,
    -- Which reset, in one word.
    kind            TEXT    NOT NULL,
    -- Whose, as JSON: organization with username or user_id, or secret.
    subject         TEXT    NOT NULL,
    -- When it happened, by the sender's clock.
    occurred_at_ms  INTEGER NOT NULL,
    -- When it was written here.
    received_at_ms  INTEGER NOT NULL,
    -- The rotation that it began or joined; NULL where it is about nobody that is configured.
    rotation        TEXT    REFERENCES rotation (id),
    PRIMARY KEY (source, id)
) STRICT, WITHOUT ROWID;

-- One row for each console account that was ever claimed.
CREATE TABLE lease (
    account         TEXT    NOT NULL PRIMARY KEY,
    -- Grows with every claim.
    fence           INTEGER NOT NULL,
    -- Who holds it, or held it last; for people.
    worker          TEXT    NOT NULL,
    -- The rotation that it was taken for.
    rotation        TEXT    NOT NULL REFERENCES rotation (id),
    -- Until when it lasts; NULL once it is released.
    expires_at_ms   INTEGER,
    -- The last entry of the rotation at the claim. What intake or an operator wrote since is news.
    claimed_seq     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What the last completed rotation of each target wrote. Never the values.
CREATE TABLE applied (
    target          TEXT    NOT NULL PRIMARY KEY,
    -- The number of the secret's version in Vault.
    version         INTEGER NOT NULL,
    -- When Vault took that version.
    written_at_ms   INTEGER NOT NULL,
    -- Keyed fingerprints of its fields, as JSON.
    fingerprints    TEXT    NOT NULL,
    -- When the rotation that wrote it was completed.
    confirmed_at_ms INTEGER NOT NULL,
    -- That rotation.
    rotation        TEXT    NOT NULL REFERENCES rotation (id)
) STRICT, WITHOUT ROWID;

-- Console accounts whose login was refused, so that nobody logs in to them.
CREATE TABLE breaker (
    account         TEXT    NOT NULL PRIMARY KEY,
    -- When it was refused.
    since_ms        INTEGER NOT NULL,
    -- The version of the console login's secret that was refused.
    secret_version  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Always empty: a row is written and taken back to see that the store can be written.
CREATE TABLE probe (
    at_ms           INTEGER NOT NULL
) STRICT;
