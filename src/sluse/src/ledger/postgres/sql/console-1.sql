CREATE SCHEMA sluse_console;

CREATE TABLE sluse_console.version (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    version  bigint  NOT NULL
);

CREATE TABLE sluse_console.report (
    number      bigint      PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    id          uuid        NOT NULL UNIQUE,
    state       text        NOT NULL,
    received_at timestamptz NOT NULL,
    changed_at  timestamptz NOT NULL,
    sealed      bytea       NOT NULL
);

CREATE INDEX report_state ON sluse_console.report (state, number);
