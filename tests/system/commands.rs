//! What an operator and a newcomer type.

use serde_json::Value;

use super::clamd::{Clamd, eicar};
use super::town::{Town, building, eventually};

#[test]
fn the_demo_shows_what_becomes_of_each_sample() {
    let folder = tempfile::tempdir().unwrap();
    let clamd = Clamd::start(&folder.path().join("clamd"));
    let socket = format!("unix:{}", clamd.socket().display());
    let dir = folder.path().join("demo").display().to_string();
    let shown = std::process::Command::new(env!("CARGO_BIN_EXE_sluse"))
        .args(["demo", "--once", "--dir", &dir, "--clamd", &socket])
        .output()
        .unwrap();
    let (text, errors) = (String::from_utf8(shown.stdout).unwrap(), String::from_utf8_lossy(&shown.stderr));
    assert!(shown.status.success(), "{text}{errors}");
    let row = |sample: &str| text.lines().find(|line| line.contains(sample)).unwrap().to_owned();
    for (sample, outcome) in [
        ("clean Word document", "nothing removed"),
        ("document with a macro", "without macro"),
        ("PDF with JavaScript", "without script"),
        ("photo with GPS position", "without metadata"),
        ("zip of two files", "relayed"),
        ("EICAR test virus", "quarantined"),
        ("encrypted zip", "quarantined"),
    ] {
        assert!(row(sample).contains(outcome), "{text}");
    }
}

#[test]
fn check_names_what_is_wrong_with_a_configuration() {
    let town = Town::new();
    let bridge = town.config("bridge");
    let fit = town.sluse(&["check", "--config", &bridge]);
    assert!(fit.status.success(), "{}", String::from_utf8_lossy(&fit.stderr));

    let complaint = |config: &str| {
        let checked = town.sluse(&["check", "--config", config]);
        assert_eq!(checked.status.code(), Some(1));
        String::from_utf8(checked.stderr).unwrap()
    };
    town.edit("bridge/bridge.toml", "#workers = 4", "wokers = 4");
    assert!(complaint(&bridge).contains("wokers"));
    town.edit("bridge/bridge.toml", "wokers = 4", "workers = 0");
    assert!(complaint(&bridge).contains("workers: 0 is not within 1 to 1024"));
    town.edit("bridge/bridge.toml", "workers = 0", "workers = 4");

    let key = town.at("bridge/keys/bridge-seal.key");
    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    let told = complaint(&bridge);
    assert!(told.contains("bridge-seal.key") && told.contains("chmod 600"), "{told}");
}

#[test]
fn a_quarantined_virus_is_reported_with_its_nesting_and_its_bytes_are_gone() {
    let mut town = Town::new();
    town.start_all();
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file("inner/setup.txt", zip::write::SimpleFileOptions::default()).unwrap();
    std::io::Write::write_all(&mut zip, &eicar()).unwrap();
    let file = town.file("drivers.zip", &zip.finish().unwrap().into_inner());
    let token = town.at("dmz/portal.token").display().to_string();
    let sent = town.sluse(&[
        "send",
        "--to",
        &town.intake(),
        "--token-file",
        &token,
        "--form",
        "building-permit",
        "--field",
        "applicant=Ada",
        "--field",
        "property=Torvet 1",
        "--field",
        "description=Carport",
        "--wait",
        "--json",
        &file.display().to_string(),
    ]);
    assert_eq!(sent.status.code(), Some(3), "{}", String::from_utf8_lossy(&sent.stderr));
    let status: Value = serde_json::from_slice(&sent.stdout).unwrap();
    assert_eq!(status["status"], "quarantined");
    assert_eq!(status["attachments"][0]["code"], "infected");

    let id = status["id"].as_str().unwrap().to_owned();
    eventually("the report is kept", || town.quarantined().contains(&id).then_some(()));
    let shown = town.sluse(&["quarantine", "show", "--config", &town.config("console"), &id]);
    let text = String::from_utf8(shown.stdout).unwrap();
    assert!(text.contains("Eicar-Test") || text.contains("eicar"), "{text}");
    assert!(text.contains("drivers.zip") && text.contains("kept     no"), "{text}");
    assert_eq!(town.delivered(), Vec::<String>::new());
}

#[test]
fn audit_logs_verify_and_a_changed_line_shows() {
    let mut town = Town::new();
    town.start_all();
    let portal = town.portal();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let id = runtime.block_on(async {
        let answer = portal.submit(&building(), &[], None, |_| {}).await.unwrap();
        portal.wait(answer["id"].as_str().unwrap()).await.unwrap()["id"].as_str().unwrap().to_owned()
    });
    eventually("it is delivered", || town.delivered().contains(&id).then_some(()));
    for role in ["outlet", "bridge", "intake"] {
        town.terminate(role);
    }
    let verify = || {
        let (log, key) = (town.at("bridge/audit"), town.at("bridge/public/bridge-sign.pub"));
        town.sluse(&["audit", "verify", &log.display().to_string(), "--key", &key.display().to_string()])
    };
    let whole = verify();
    assert!(whole.status.success(), "{}", String::from_utf8_lossy(&whole.stderr));

    let log = super::town::files_below(&town.at("bridge/audit"))
        .into_iter()
        .find(|path| std::fs::read_to_string(path).is_ok_and(|text| text.contains("\"relayed\"")))
        .unwrap();
    let text = std::fs::read_to_string(&log).unwrap();
    std::fs::write(&log, text.replace("\"relayed\"", "\"expired\"")).unwrap();
    assert_eq!(verify().status.code(), Some(1));
}
