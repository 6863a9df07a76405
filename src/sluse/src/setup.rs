//! Makes a zone's folder: configuration, sample rules, keys, and the public keys that the other zones import.
//!
//! ```text
//! DIR/<role>.toml          configuration, the commented example of config/
//! DIR/rules/               policy, contracts and YARA rules (not for the secure zone)
//! DIR/keys/                private keys, mode 0600
//! DIR/public/              what the other zones import
//! DIR/trust/               what was imported from them
//! ```
//!
//! Running it again keeps what is there: it adds what is missing and what is imported.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sluse_envelope::key_file::{write_private, write_public};
use sluse_envelope::{PrivateKey, SigningKey, Suite};

use crate::stores;

/// A zone of the architecture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Zone {
    /// Intake, in the DMZ.
    Dmz,
    /// The bridge, between the zones.
    Bridge,
    /// Outlet and console, in the secure zone.
    Secure,
}

/// Why a zone's folder cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// A file or folder cannot be read or written.
    #[error("{path}: {cause}")]
    File {
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        cause: io::Error,
    },
    /// A key cannot be made or written.
    #[error("{path}: {cause}")]
    Key {
        /// The key file.
        path: PathBuf,
        /// Why not.
        cause: String,
    },
    /// A folder cannot be made.
    #[error(transparent)]
    Folder(#[from] stores::StartError),
    /// The folder to import from has no public key.
    #[error("{0} has no public key that this zone needs: import the folder public/ of another zone")]
    NothingToImport(PathBuf),
    /// A different key of this name is trusted already.
    #[error(
        "{path} is another key than {from}: for a rotation put both into the configuration under names of their own"
    )]
    OtherKey {
        /// The trusted key.
        path: PathBuf,
        /// The key that was to be imported.
        from: PathBuf,
    },
}

/// What was made.
#[derive(Debug, Default)]
pub struct Made {
    /// Files that are new.
    pub new: Vec<PathBuf>,
    /// Public keys that the configuration names and that are still to be imported.
    pub missing: Vec<PathBuf>,
}

const RULES: [(&str, &str); 5] = [
    ("policy.toml", include_str!("../../../rules/policy.toml")),
    ("contracts/building-permit.toml", include_str!("../../../rules/contracts/building-permit.toml")),
    (
        "contracts/building-permit.schema.json",
        include_str!("../../../rules/contracts/building-permit.schema.json"),
    ),
    ("contracts/parking-permit.toml", include_str!("../../../rules/contracts/parking-permit.toml")),
    (
        "contracts/parking-permit.schema.json",
        include_str!("../../../rules/contracts/parking-permit.schema.json"),
    ),
];

const INTAKE: &str = include_str!("../../../config/intake.toml");
const BRIDGE: &str = include_str!("../../../config/bridge.toml");
const OUTLET: &str = include_str!("../../../config/outlet.toml");
const CONSOLE: &str = include_str!("../../../config/console.toml");

/// The line of the example that stands for a portal's token.
const NO_TOKEN: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Makes or completes the folder of a zone.
///
/// # Errors
/// The first file that cannot be made, and why.
pub fn zone(zone: Zone, folder: &Path, imports: &[PathBuf]) -> Result<Made, SetupError> {
    let mut setup = Setup { folder, made: Made::default() };
    for sub in ["keys", "public", "trust"] {
        stores::folder(&folder.join(sub))?;
    }
    let needed: &[&str] = match zone {
        Zone::Dmz => &["bridge-seal.pub", "bridge-sign.pub"],
        Zone::Bridge => &["intake-sign.pub", "outlet-seal.pub", "quarantine-seal.pub"],
        Zone::Secure => &["bridge-sign.pub"],
    };
    for import in imports {
        setup.import(import, needed)?;
    }
    match zone {
        Zone::Dmz => {
            setup.rules()?;
            setup.signing_key("intake-sign")?;
            setup.intake()?;
        }
        Zone::Bridge => {
            setup.rules()?;
            setup.signing_key("bridge-sign")?;
            setup.sealing_key("bridge-seal")?;
            setup.file("bridge.toml", BRIDGE)?;
        }
        Zone::Secure => {
            setup.signing_key("outlet-sign")?;
            setup.sealing_key("outlet-seal")?;
            setup.sealing_key("quarantine-seal")?;
            setup.file("outlet.toml", OUTLET)?;
            setup.file("console.toml", CONSOLE)?;
        }
    }
    let trust = folder.join("trust");
    setup.made.missing = needed.iter().map(|name| trust.join(name)).filter(|path| !path.exists()).collect();
    Ok(setup.made)
}

struct Setup<'a> {
    folder: &'a Path,
    made: Made,
}

impl Setup<'_> {
    /// Writes a file unless it is there.
    fn file(&mut self, name: &str, text: &str) -> Result<(), SetupError> {
        let path = self.folder.join(name);
        if path.exists() {
            return Ok(());
        }
        crate::durable::write(&path, text.as_bytes())
            .map_err(|cause| SetupError::File { path: path.clone(), cause })?;
        self.made.new.push(path);
        Ok(())
    }

    fn rules(&mut self) -> Result<(), SetupError> {
        for sub in ["rules/contracts", "rules/yara"] {
            stores::folder(&self.folder.join(sub))?;
        }
        for (name, text) in RULES.iter().chain(&crate::sandbox::BUNDLED_RULES) {
            self.file(&format!("rules/{name}"), text)?;
        }
        Ok(())
    }

    /// `intake.toml`, with a token for its portal.
    fn intake(&mut self) -> Result<(), SetupError> {
        if self.folder.join("intake.toml").exists() {
            return Ok(());
        }
        let path = self.folder.join("portal.token");
        if !path.exists() {
            let mut random = [0; 32];
            getrandom::fill(&mut random)
                .map_err(|cause| SetupError::Key { path: path.clone(), cause: cause.to_string() })?;
            self.file("portal.token", &hex::encode(random))?;
        }
        let token = fs::read_to_string(&path).map_err(|cause| SetupError::File { path, cause })?;
        let digest = sluse_sanitize::report::sha256_hex(token.as_bytes());
        self.file("intake.toml", &INTAKE.replace(NO_TOKEN, &digest))
    }

    fn signing_key(&mut self, name: &str) -> Result<(), SetupError> {
        let Some((private, public)) = self.key_paths(name) else { return Ok(()) };
        let failed = |cause: String| SetupError::Key { path: private.clone(), cause };
        let key = SigningKey::generate().map_err(|cause| failed(cause.to_string()))?;
        write_private(&private, &key, None).map_err(|cause| failed(cause.to_string()))?;
        write_public(&public, key.verifying_key()).map_err(|cause| failed(cause.to_string()))?;
        self.made.new.extend([private, public]);
        Ok(())
    }

    fn sealing_key(&mut self, name: &str) -> Result<(), SetupError> {
        let Some((private, public)) = self.key_paths(name) else { return Ok(()) };
        let failed = |cause: String| SetupError::Key { path: private.clone(), cause };
        let key = PrivateKey::generate(Suite::XWing).map_err(|cause| failed(cause.to_string()))?;
        write_private(&private, &key, None).map_err(|cause| failed(cause.to_string()))?;
        write_public(&public, key.public_key()).map_err(|cause| failed(cause.to_string()))?;
        self.made.new.extend([private, public]);
        Ok(())
    }

    /// Where a key pair goes; `None` when it is there.
    fn key_paths(&self, name: &str) -> Option<(PathBuf, PathBuf)> {
        let private = self.folder.join("keys").join(format!("{name}.key"));
        let public = self.folder.join("public").join(format!("{name}.pub"));
        (!private.exists()).then_some((private, public))
    }

    /// Copies the keys that this zone needs from another zone's `public/`; never over a different key.
    fn import(&mut self, from: &Path, needed: &[&str]) -> Result<(), SetupError> {
        let failed = |path: &Path, cause| SetupError::File { path: path.to_owned(), cause };
        let mut any = false;
        for name in needed {
            let (path, target) = (from.join(name), self.folder.join("trust").join(name));
            let bytes = match fs::read(&path) {
                Err(cause) if cause.kind() == io::ErrorKind::NotFound => continue,
                read => read.map_err(|cause| failed(&path, cause))?,
            };
            any = true;
            match fs::read(&target) {
                Ok(known) if known == bytes => continue,
                Ok(_) => return Err(SetupError::OtherKey { path: target, from: path }),
                Err(_) => crate::durable::write(&target, &bytes).map_err(|cause| failed(&target, cause))?,
            }
            self.made.new.push(target);
        }
        if any { Ok(()) } else { Err(SetupError::NothingToImport(from.to_owned())) }
    }
}
