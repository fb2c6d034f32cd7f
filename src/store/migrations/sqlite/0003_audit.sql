-- What operators said, and indices for what is forgotten by age. Times are milliseconds since
-- 1970-01-01T00:00Z.

CREATE TABLE audit (
    number          INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    -- When it was said.
    at_ms           INTEGER NOT NULL,
    -- Who said it.
    actor           TEXT    NOT NULL,
    -- What, in one word.
    verb            TEXT    NOT NULL,
    -- The target's configured name.
    target          TEXT    NOT NULL,
    -- The rotation that it was about, or that it began. No reference: it may be forgotten earlier.
    rotation        TEXT    NOT NULL
) STRICT;

-- Rows are added; nothing changes or removes one.
CREATE TRIGGER audit_never_changes BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit is append-only');
END;
CREATE TRIGGER audit_never_shrinks BEFORE DELETE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit is append-only');
END;

-- What is old enough to be forgotten, and what stands in the way of it.
CREATE INDEX rotation_finished ON rotation (finished_at_ms) WHERE finished_at_ms IS NOT NULL;
CREATE INDEX event_received ON event (received_at_ms);
CREATE INDEX event_rotation ON event (rotation) WHERE rotation IS NOT NULL;
CREATE INDEX proof_rotation ON proof (rotation);
