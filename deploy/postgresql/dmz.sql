-- Once, on the DMZ's PostgreSQL server, as its administrator: psql -v ON_ERROR_STOP=1 -f dmz.sql
-- Then: sluse ledger migrate --config owner-intake.toml

-- Owns the tables, and is used for migrations alone. No role has its password.
CREATE ROLE sluse_owner LOGIN PASSWORD NULL;
-- The intakes. Owns nothing; the migration gives it the rights on its tables, and none elsewhere.
CREATE ROLE sluse_intake LOGIN PASSWORD NULL CONNECTION LIMIT 100;

CREATE DATABASE sluse OWNER sluse_owner ENCODING 'UTF8' TEMPLATE template0;
REVOKE ALL ON DATABASE sluse FROM PUBLIC;
GRANT CONNECT ON DATABASE sluse TO sluse_intake;

\connect sluse
REVOKE ALL ON SCHEMA public FROM PUBLIC;

-- What is confirmed must be on the disk, whatever the server's default is. With standbys: on, remote_apply or remote_write.
ALTER ROLE sluse_intake IN DATABASE sluse SET synchronous_commit = on;

-- Passwords, typed and not logged:  \password sluse_owner   \password sluse_intake
-- Or client certificates, in pg_hba.conf:  hostssl sluse sluse_intake 10.0.0.0/24 cert
