CREATE SCHEMA sluse_outlet;

CREATE TABLE sluse_outlet.version (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    version  bigint  NOT NULL
);

CREATE TABLE sluse_outlet.delivery (
    id          uuid        PRIMARY KEY,
    destination text        NOT NULL,
    content     bytea       NOT NULL CHECK (octet_length(content) = 32),
    folder      text        NOT NULL,
    delivered   boolean     NOT NULL,
    changed_at  timestamptz NOT NULL
);

CREATE INDEX delivery_changed ON sluse_outlet.delivery (delivered, changed_at);
