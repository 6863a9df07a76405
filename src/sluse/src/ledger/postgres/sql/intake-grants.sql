REVOKE ALL ON SCHEMA sluse_intake FROM {user};
REVOKE ALL ON ALL TABLES IN SCHEMA sluse_intake FROM {user};
GRANT USAGE ON SCHEMA sluse_intake TO {user};
GRANT SELECT ON sluse_intake.version TO {user};
GRANT SELECT, INSERT, DELETE ON sluse_intake.submission TO {user};
GRANT UPDATE (state, codes, receipt, holder, held_until, content, received_at, changed_at) ON sluse_intake.submission TO {user};
