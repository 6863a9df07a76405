REVOKE ALL ON SCHEMA sluse_console FROM {user};
REVOKE ALL ON ALL TABLES IN SCHEMA sluse_console FROM {user};
GRANT USAGE ON SCHEMA sluse_console TO {user};
GRANT SELECT ON sluse_console.version TO {user};
GRANT SELECT, INSERT ON sluse_console.report TO {user};
GRANT UPDATE (state, changed_at, sealed) ON sluse_console.report TO {user};
