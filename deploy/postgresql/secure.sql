-- Once, on the secure zone's PostgreSQL server, as its administrator: psql -v ON_ERROR_STOP=1 -f secure.sql
-- Then: sluse ledger migrate --config owner-outlet.toml, and the same with owner-console.toml

-- Owns the tables, and is used for migrations alone. No role has its password.
CREATE ROLE sluse_owner LOGIN PASSWORD NULL;
-- The outlets and the consoles. They own nothing and see nothing of each other.
CREATE ROLE sluse_outlet LOGIN PASSWORD NULL CONNECTION LIMIT 100;
CREATE ROLE sluse_console LOGIN PASSWORD NULL CONNECTION LIMIT 100;

CREATE DATABASE sluse OWNER sluse_owner ENCODING 'UTF8' TEMPLATE template0;
REVOKE ALL ON DATABASE sluse FROM PUBLIC;
GRANT CONNECT ON DATABASE sluse TO sluse_outlet, sluse_console;

\connect sluse
REVOKE ALL ON SCHEMA public FROM PUBLIC;

-- What is confirmed must be on the disk, whatever the server's default is. With standbys: on, remote_apply or remote_write.
ALTER ROLE sluse_outlet IN DATABASE sluse SET synchronous_commit = on;
ALTER ROLE sluse_console IN DATABASE sluse SET synchronous_commit = on;

-- Passwords, typed and not logged:  \password sluse_owner   \password sluse_outlet   \password sluse_console
-- Or client certificates, in pg_hba.conf:  hostssl sluse sluse_outlet 10.1.0.0/24 cert
