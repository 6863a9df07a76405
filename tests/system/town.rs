//! A town: three zones in a private folder, each role a process of its own.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sluse::portal::Portal;

use super::clamd::Clamd;

/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(90);

/// Waits until `look` gives something.
pub(crate) fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begin.elapsed() < PATIENCE, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Every role, in the order of the flow.
pub(crate) const ROLES: [&str; 4] = ["intake", "bridge", "outlet", "console"];

/// The zones, and the processes that run.
pub(crate) struct Town {
    folder: tempfile::TempDir,
    running: BTreeMap<&'static str, Child>,
    pub(crate) clamd: Clamd,
}

impl Town {
    /// Makes the zones as the README says, with a real clamd; no role runs yet.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["logs", "tmp"] {
            fs::create_dir(at(name)).unwrap();
        }
        let clamd = Clamd::start(&at("clamd"));
        let public = |zone: &str| at(zone).join("public").display().to_string();
        for (zone, imports) in [
            ("dmz", vec![]),
            ("secure", vec![]),
            ("bridge", vec!["dmz", "secure"]),
            ("dmz", vec!["bridge"]),
            ("secure", vec!["bridge"]),
        ] {
            let mut arguments = vec!["init".to_owned(), zone.to_owned(), "--dir".to_owned()];
            arguments.push(at(zone).display().to_string());
            for import in imports {
                arguments.extend(["--import".to_owned(), public(import)]);
            }
            let made = Command::new(env!("CARGO_BIN_EXE_sluse")).args(&arguments).output().unwrap();
            assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        }
        let town = Self { folder, running: BTreeMap::new(), clamd };
        town.edit("dmz/intake.toml", "127.0.0.1:8443", "127.0.0.1:0");
        town.edit("dmz/intake.toml", "#min_free_bytes = 1073741824", "min_free_bytes = 0");
        let socket = format!("unix:{}", town.clamd.socket().display());
        town.edit("bridge/bridge.toml", "unix:/run/clamav/clamd.ctl", &socket);
        town
    }

    /// A path in the town's folder.
    pub(crate) fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// Replaces text of a file, which must be there.
    pub(crate) fn edit(&self, path: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.at(path)).unwrap();
        assert!(text.contains(from), "{path} has no {from:?}");
        fs::write(self.at(path), text.replace(from, to)).unwrap();
    }

    /// Starts all four roles.
    pub(crate) fn start_all(&mut self) {
        for role in ROLES {
            self.start(role);
        }
    }

    /// Starts a role and waits until it is ready. A second instance is called such as `intake-b`.
    pub(crate) fn start(&mut self, role: &'static str) {
        let log = self.log_path(role);
        let seen = fs::read_to_string(&log).map_or(0, |text| text.len());
        let kind = role.trim_end_matches("-b");
        let child = self.command(&["run", kind, "--config", &self.config(role)]);
        self.spawn(role, child);
        eventually(&format!("{role} is ready"), || {
            let text = fs::read_to_string(&log).ok()?;
            let ended = self.running.get_mut(role).unwrap().try_wait().unwrap();
            assert!(ended.is_none(), "{role} ended at its start: {text}");
            text.get(seen..)?.contains(" is ready").then_some(())
        });
    }

    fn spawn(&mut self, role: &'static str, mut command: Command) {
        let log: File = OpenOptions::new().create(true).append(true).open(self.log_path(role)).unwrap();
        let child = command.stdout(Stdio::null()).stderr(log).spawn().unwrap();
        self.running.insert(role, child);
    }

    /// A command of the program, with its temporary folder in the town.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sluse"));
        command.args(arguments).env("TMPDIR", self.at("tmp")).stdin(Stdio::null());
        command
    }

    /// Runs a command of the program to its end.
    pub(crate) fn sluse(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Path of a role's configuration.
    pub(crate) fn config(&self, role: &str) -> String {
        let zone = match role.trim_end_matches("-b") {
            "intake" => "dmz",
            "bridge" => "bridge",
            _ => "secure",
        };
        self.at(zone).join(format!("{role}.toml")).display().to_string()
    }

    fn log_path(&self, role: &str) -> PathBuf {
        self.at("logs").join(format!("{role}.log"))
    }

    /// What a role has logged.
    pub(crate) fn log(&self, role: &str) -> String {
        fs::read_to_string(self.log_path(role)).unwrap_or_default()
    }

    /// A running role's process id.
    pub(crate) fn pid(&self, role: &str) -> u32 {
        self.running[role].id()
    }

    /// Ends a role at once, as a power cut would.
    pub(crate) fn kill(&mut self, role: &'static str) {
        let mut child = self.running.remove(role).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Ends a role in order.
    pub(crate) fn terminate(&mut self, role: &'static str) {
        let mut child = self.running.remove(role).unwrap();
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        assert!(child.wait().unwrap().success(), "{role} did not end in order: {}", self.log(role));
    }

    /// Address of the running intake.
    pub(crate) fn intake(&self) -> String {
        self.listens("intake")
    }

    /// Address of a running intake.
    pub(crate) fn listens(&self, intake: &str) -> String {
        let ready: Value = self
            .log(intake)
            .lines()
            .rev()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .find(|line| line["fields"]["message"] == "intake is ready")
            .unwrap();
        format!("http://{}", ready["fields"]["listen"].as_str().unwrap())
    }

    /// The portal's token.
    pub(crate) fn token(&self) -> String {
        fs::read_to_string(self.at("dmz/portal.token")).unwrap().trim().to_owned()
    }

    /// A client of the running intake.
    pub(crate) fn portal(&self) -> Portal {
        Portal::new(&self.intake(), &self.token()).unwrap()
    }

    /// Writes a file to be attached.
    pub(crate) fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let folder = self.at("citizen");
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    /// Ids of delivered submissions, in either destination.
    pub(crate) fn delivered(&self) -> Vec<String> {
        let mut ids = Vec::new();
        for destination in ["parking", "building-cases"] {
            let folder = self.at("secure/delivered").join(destination);
            for entry in fs::read_dir(folder).into_iter().flatten() {
                let name = entry.unwrap().file_name().into_string().unwrap();
                if !name.starts_with('.') {
                    ids.push(name);
                }
            }
        }
        ids.sort();
        ids
    }

    /// Ids of quarantine reports, by the operator's command.
    pub(crate) fn quarantined(&self) -> Vec<String> {
        let listed = self.sluse(&["quarantine", "ls", "--json", "--config", &self.config("console")]);
        assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
        let mut ids: Vec<String> = String::from_utf8(listed.stdout)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap()["id"].as_str().unwrap().to_owned())
            .collect();
        ids.sort();
        ids
    }
}

impl Drop for Town {
    fn drop(&mut self) {
        for child in self.running.values_mut() {
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            for role in ROLES {
                let log = self.log(role);
                let tail: Vec<&str> = log.lines().rev().take(15).collect();
                eprintln!("--- {role}, latest first ---\n{}", tail.join("\n"));
            }
        }
    }
}

/// A parking permit whose name is `name`.
pub(crate) fn parking(name: &str) -> Value {
    json!({ "form": "parking-permit", "version": 1,
        "fields": { "name": name, "address": "Havnegade 7", "registration": "AB 12 345" } })
}

/// A building permit.
pub(crate) fn building() -> Value {
    json!({ "form": "building-permit", "version": 1,
        "fields": { "applicant": "Ada", "property": "Torvet 1", "description": "A carport" } })
}

/// Every regular file below a folder that is there right now.
pub(crate) fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                Ok(kind) if kind.is_file() => found.push(entry.path()),
                _ => {}
            }
        }
    }
    found
}
