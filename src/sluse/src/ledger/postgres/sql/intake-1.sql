CREATE SCHEMA sluse_intake;

CREATE TABLE sluse_intake.version (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    version  bigint  NOT NULL
);

CREATE TABLE sluse_intake.submission (
    id          uuid        PRIMARY KEY,
    portal      text        NOT NULL,
    key_hash    bytea       CHECK (octet_length(key_hash) = 32),
    state       text        NOT NULL,
    codes       text        NOT NULL DEFAULT '[]',
    receipt     bytea,
    holder      uuid,
    held_until  timestamptz,
    content     bytea       CHECK (octet_length(content) = 32),
    began_at    timestamptz NOT NULL,
    received_at timestamptz,
    changed_at  timestamptz NOT NULL
);

CREATE UNIQUE INDEX submission_key ON sluse_intake.submission (portal, key_hash) WHERE key_hash IS NOT NULL;
CREATE INDEX submission_changed ON sluse_intake.submission (state, changed_at);
