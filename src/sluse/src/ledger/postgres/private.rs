//! A private PostgreSQL server for tests: own folder, own port, TLS with an authority of its own.
//!
//! PostgreSQL refuses to run as root, so root runs it as the user `postgres`. A shell that waits for the end of this
//! process, however it ends, stops the server and removes its folder.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

const MISSING: &str = "this test needs PostgreSQL: apt-get install -y --no-install-recommends postgresql";
/// Longest wait for the server.
const PATIENCE: Duration = Duration::from_secs(60);

/// The password of every user but `postgres`, who needs none at the socket.
pub(crate) const PASSWORD: &str = "correct horse";

/// A running server.
pub(crate) struct Private {
    folder: PathBuf,
    programs: PathBuf,
    port: u16,
    server: Child,
    _janitor: Child,
}

impl Private {
    /// Makes and starts one, with the users `owner`, `intake`, `outlet`, `console`, `by_certificate` and `postgres`.
    pub(crate) fn start() -> Self {
        let programs = programs();
        let folder = tempfile::Builder::new().prefix("sluse-pg-").tempdir().unwrap().keep();
        let janitor = Command::new("sh")
            .args(["-c", JANITOR, "sh"])
            .arg(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        make_certificates(&folder);
        give_to_postgres(&folder);
        let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        let made = as_postgres(&programs.join("initdb"))
            .args(["-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C", "--no-sync", "-D"])
            .arg(folder.join("data"))
            .output()
            .expect(MISSING);
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        fs::write(folder.join("data/pg_hba.conf"), ACCESS).unwrap();
        let server = spawn(&programs, &folder, port);
        let mut private = Self { folder, programs, port, server, _janitor: janitor };
        private.wait_until_ready();
        for user in ["owner", "intake", "outlet", "console", "by_certificate"] {
            private.sql("postgres", &format!("CREATE ROLE {user} LOGIN PASSWORD '{PASSWORD}'"));
        }
        private
    }

    /// A new database of the user `owner`, with nothing in it.
    pub(crate) fn database(&self) -> String {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let name = format!("d{}", COUNTER.fetch_add(1, Ordering::Relaxed));
        self.sql("postgres", &format!("CREATE DATABASE {name} OWNER owner"));
        self.sql(&name, "REVOKE ALL ON SCHEMA public FROM PUBLIC");
        name
    }

    /// Runs statements as the superuser. Gives what they print.
    pub(crate) fn sql(&self, database: &str, statements: &str) -> String {
        let output = Command::new(self.programs.join("psql"))
            .args([
                "-X",
                "-q",
                "-A",
                "-t",
                "-v",
                "ON_ERROR_STOP=1",
                "-U",
                "postgres",
                "-d",
                database,
                "-c",
                statements,
            ])
            .env("PGHOST", &self.folder)
            .env("PGPORT", self.port.to_string())
            .output()
            .expect(MISSING);
        assert!(output.status.success(), "{statements}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    /// Address over the socket.
    pub(crate) fn url(&self, user: &str, database: &str) -> String {
        let folder = self.folder.display().to_string().replace('/', "%2F");
        format!("postgres://{user}@{folder}:{}/{database}", self.port)
    }

    /// Address over TCP; TLS when the host is a name.
    pub(crate) fn url_at(&self, host: &str, user: &str, database: &str) -> String {
        format!("postgres://{user}@{host}:{}/{database}", self.port)
    }

    /// A file of the server's folder: `ca.pem`, `client.pem`, `client.key`.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Ends the server as a power cut would.
    pub(crate) fn kill(&mut self) {
        let pid = self.postmaster();
        let killed = Command::new("kill").args(["-KILL", &pid]).status().unwrap();
        assert!(killed.success());
        self.server.wait().unwrap();
    }

    /// Starts it again after [`Self::kill`].
    pub(crate) fn restart(&mut self) {
        self.server = spawn(&self.programs, &self.folder, self.port);
        self.wait_until_ready();
    }

    fn postmaster(&self) -> String {
        let text = fs::read_to_string(self.folder.join("data/postmaster.pid")).unwrap();
        text.lines().next().unwrap().to_owned()
    }

    fn wait_until_ready(&mut self) {
        let begin = Instant::now();
        loop {
            let ready = Command::new(self.programs.join("pg_isready"))
                .args(["-q", "-t", "1", "-h"])
                .arg(&self.folder)
                .args(["-p", &self.port.to_string()])
                .status()
                .expect(MISSING);
            if ready.success() {
                return;
            }
            let log = || fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            // After a kill the children of the old server may still hold its memory for a moment.
            if self.server.try_wait().unwrap().is_some() {
                assert!(begin.elapsed() < PATIENCE, "PostgreSQL ended: {}", log());
                self.server = spawn(&self.programs, &self.folder, self.port);
            }
            assert!(begin.elapsed() < PATIENCE, "PostgreSQL does not start: {}", log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Ends when its input does; then the server ends, and its folder is removed.
const JANITOR: &str = r#"
    read -r _
    pid=$(head -n 1 "$1/data/postmaster.pid") && kill -QUIT "$pid"
    while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
    rm -rf "$1"
"#;

const ACCESS: &str = "
    local   all postgres                    trust
    local   all all                         scram-sha-256
    hostssl all by_certificate 127.0.0.1/32 cert
    host    all all            127.0.0.1/32 scram-sha-256
";

/// The newest installed version's programs.
fn programs() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").expect(MISSING);
    let number = |path: &PathBuf| path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok());
    let newest = versions.map(|entry| entry.unwrap().path()).filter(|path| path.join("bin/initdb").exists());
    newest.max_by_key(number).expect(MISSING).join("bin")
}

/// A command that is not run as root.
fn as_postgres(program: &Path) -> Command {
    if !rustix::process::geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid", "postgres", "--regid", "postgres", "--clear-groups"])
        .arg(program)
        .current_dir("/");
    command
}

fn give_to_postgres(folder: &Path) {
    if rustix::process::geteuid().is_root() {
        let given = Command::new("chown").args(["-R", "postgres:"]).arg(folder).status().unwrap();
        assert!(given.success(), "{MISSING}");
    }
}

fn spawn(programs: &Path, folder: &Path, port: u16) -> Child {
    let log = fs::OpenOptions::new().create(true).append(true).open(folder.join("log")).unwrap();
    let set = |name: &str, value: &str| format!("--{name}={value}");
    let file = |name: &str| folder.join(name).display().to_string();
    as_postgres(&programs.join("postgres"))
        .arg("-D")
        .arg(folder.join("data"))
        .args([
            set("port", &port.to_string()),
            set("listen_addresses", "127.0.0.1"),
            set("unix_socket_directories", &folder.display().to_string()),
            set("ssl", "on"),
            set("ssl_ca_file", &file("ca.pem")),
            set("ssl_cert_file", &file("server.pem")),
            set("ssl_key_file", &file("server.key")),
            set("shared_buffers", "16MB"),
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .expect(MISSING)
}

/// An authority, a certificate of the server for `localhost`, and one of the user `by_certificate`.
fn make_certificates(folder: &Path) {
    let openssl = |arguments: &str| {
        let made =
            Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output().expect(MISSING);
        assert!(made.status.success(), "{arguments}: {}", String::from_utf8_lossy(&made.stderr));
    };
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    openssl(&format!("req -x509 {key} -keyout ca.key -out ca.pem -subj /CN=authority -days 2"));
    for (name, subject, extension) in [
        ("server", "server", "subjectAltName=DNS:localhost"),
        ("client", "by_certificate", "extendedKeyUsage=clientAuth"),
    ] {
        fs::write(folder.join("extensions"), format!("basicConstraints=CA:FALSE\n{extension}\n")).unwrap();
        openssl(&format!("req -new {key} -keyout {name}.key -out {name}.csr -subj /CN={subject}"));
        openssl(&format!(
            "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile extensions -out {name}.pem"
        ));
    }
}
