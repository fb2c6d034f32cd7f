-- Proving logins. Times are milliseconds since 1970-01-01T00:00Z.

-- One row for each version of a target's secret whose one login at Salesforce is spent. It is
-- written in the transaction of the entry that announces the login, and never removed: a version
-- is not tried again by another rotation either.
CREATE TABLE proof (
    -- The target's configured name.
    target          TEXT    NOT NULL,
    -- The number of the secret's version in Vault.
    version         BIGINT  NOT NULL,
    -- When Vault took that version; it tells versions apart whose numbers began anew.
    written_at_ms   BIGINT  NOT NULL,
    -- When the login was announced.
    spent_at_ms     BIGINT  NOT NULL,
    -- The rotation that announced it.
    rotation        TEXT    COLLATE "C" NOT NULL REFERENCES rotation (id),
    -- What came of it, as JSON; NULL while nobody knows. It never holds a secret.
    outcome         TEXT,
    PRIMARY KEY (target, version, written_at_ms)
);

-- What stands in the way of forgetting a rotation.
CREATE INDEX proof_rotation ON proof (rotation);
