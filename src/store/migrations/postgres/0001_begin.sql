-- The first schema. Times are milliseconds since 1970-01-01T00:00Z, in columns that end in `_ms`.
-- A released migration is never edited: a later one changes what it made.

CREATE TABLE rotation (
    -- UUID of version 7 in lower case with hyphens, so that ids sort by time, as bytes do.
    id              TEXT    COLLATE "C" NOT NULL PRIMARY KEY,
    -- The target's configured name.
    target          TEXT    NOT NULL,
    -- The console account that it is driven through, as configured when it began.
    account         TEXT    NOT NULL,
    -- Summary of the journal: where it stands, in one word.
    phase           TEXT    NOT NULL,
    -- Summary of the journal: when its first event was admitted.
    admitted_at_ms  BIGINT  NOT NULL,
    -- Summary of the journal: when its last entry was written.
    updated_at_ms   BIGINT  NOT NULL,
    -- Summary of the journal: when it ended; NULL for one that has not.
    finished_at_ms  BIGINT,
    -- Summary of the journal: the number of its last entry.
    last_seq        BIGINT  NOT NULL,
    -- When it is looked at next; NULL for not by itself. It stays while the rotation is driven, so
    -- that a rotation whose driver dies is due as soon as the lease has expired.
    due_at_ms       BIGINT,
    -- The fence of the claim that drives it and has not been released; NULL for none. Where it is
    -- still there at the next claim, that driver died.
    held_fence      BIGINT,
    CHECK (finished_at_ms IS NULL OR due_at_ms IS NULL)
-- Room on each page, so that a summary is changed beside itself and no index is told of it.
) WITH (fillfactor = 70);

-- A target has at most one unfinished rotation; further events join it.
CREATE UNIQUE INDEX rotation_unfinished ON rotation (target) WHERE finished_at_ms IS NULL;
-- What to do next.
CREATE INDEX rotation_due ON rotation (due_at_ms) WHERE due_at_ms IS NOT NULL;
-- Lists by target and by phase, newest first.
CREATE INDEX rotation_target ON rotation (target, id);
CREATE INDEX rotation_phase ON rotation (phase, id);
-- What is old enough to be forgotten.
CREATE INDEX rotation_finished ON rotation (finished_at_ms) WHERE finished_at_ms IS NOT NULL;

-- The journals. Rows are added and never changed.
CREATE TABLE entry (
    rotation        TEXT    COLLATE "C" NOT NULL REFERENCES rotation (id),
    -- From 1, without gaps.
    seq             BIGINT  NOT NULL,
    -- When it was written.
    at_ms           BIGINT  NOT NULL,
    -- The fence under which a worker wrote it; NULL for intake and operators.
    fence           BIGINT,
    -- What it says, as JSON.
    entry           TEXT    NOT NULL,
    PRIMARY KEY (rotation, seq)
);

-- The events that were admitted, so that a redelivery is recognised.
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
    occurred_at_ms  BIGINT  NOT NULL,
    -- When it was written here.
    received_at_ms  BIGINT  NOT NULL,
    -- The rotation that it began or joined; NULL where it is about nobody that is configured.
    rotation        TEXT    COLLATE "C" REFERENCES rotation (id),
    PRIMARY KEY (source, id)
);

-- What is old enough to be forgotten, and what stands in the way of it.
CREATE INDEX event_received ON event (received_at_ms);
CREATE INDEX event_rotation ON event (rotation) WHERE rotation IS NOT NULL;

-- One row for each console account that ever had a rotation: its key sees to it that an account
-- has one lease at most.
CREATE TABLE lease (
    account         TEXT    NOT NULL PRIMARY KEY,
    -- Grows with every claim; 0 before the first.
    fence           BIGINT  NOT NULL,
    -- Who holds it, or held it last; for people. NULL before the first claim.
    worker          TEXT,
    -- The rotation that it was taken for; NULL before the first claim.
    rotation        TEXT    COLLATE "C" REFERENCES rotation (id),
    -- Until when it lasts; NULL once it is released.
    expires_at_ms   BIGINT,
    -- The last entry of the rotation at the claim. What intake or an operator wrote since is news.
    claimed_seq     BIGINT  NOT NULL,
    CHECK (expires_at_ms IS NULL OR rotation IS NOT NULL)
);

-- What the last completed rotation of each target wrote. Never the values.
CREATE TABLE applied (
    target          TEXT    NOT NULL PRIMARY KEY,
    -- The number of the secret's version in Vault.
    version         BIGINT  NOT NULL,
    -- When Vault took that version.
    written_at_ms   BIGINT  NOT NULL,
    -- Keyed fingerprints of its fields, as JSON.
    fingerprints    TEXT    NOT NULL,
    -- When the rotation that wrote it was completed.
    confirmed_at_ms BIGINT  NOT NULL,
    -- That rotation.
    rotation        TEXT    COLLATE "C" NOT NULL REFERENCES rotation (id)
);

-- Console accounts whose login was refused, so that nobody logs in to them.
CREATE TABLE breaker (
    account         TEXT    NOT NULL PRIMARY KEY,
    -- When it was refused.
    since_ms        BIGINT  NOT NULL,
    -- The version of the console login's secret that was refused.
    secret_version  BIGINT  NOT NULL
);

-- What operators said. Rows are added; nothing changes or removes one.
CREATE TABLE audit (
    number          BIGINT  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- When it was said.
    at_ms           BIGINT  NOT NULL,
    -- Who said it.
    actor           TEXT    NOT NULL,
    -- What, in one word.
    verb            TEXT    NOT NULL,
    -- The target's configured name.
    target          TEXT    NOT NULL,
    -- The rotation that it was about, or that it began. No reference: it may be forgotten earlier.
    rotation        TEXT    COLLATE "C" NOT NULL
);

CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit is append-only' USING ERRCODE = 'restrict_violation';
END
$$;

CREATE TRIGGER audit_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();

-- Always empty: a row is written and taken back to see that the store can be written.
CREATE TABLE probe (
    at_ms           BIGINT  NOT NULL
);
