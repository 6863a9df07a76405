REVOKE ALL ON SCHEMA sluse_outlet FROM {user};
REVOKE ALL ON ALL TABLES IN SCHEMA sluse_outlet FROM {user};
GRANT USAGE ON SCHEMA sluse_outlet TO {user};
GRANT SELECT ON sluse_outlet.version TO {user};
GRANT SELECT, INSERT, DELETE ON sluse_outlet.delivery TO {user};
GRANT UPDATE (delivered, changed_at) ON sluse_outlet.delivery TO {user};
