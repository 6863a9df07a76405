//! Two intakes and two outlets over ledgers on a real PostgreSQL, each instance a process of its own.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use super::town::{Town, eventually, parking};

#[path = "../../src/sluse/src/ledger/postgres/private.rs"]
#[expect(dead_code, reason = "the ledgers' own tests use more of it")]
mod private;

use private::{PASSWORD, Private};

/// A town with every ledger on a server, and a second intake and outlet.
struct Shared {
    town: Town,
    server: Private,
    /// The intakes' database.
    database: String,
}

impl Shared {
    fn new() -> Self {
        let (town, server) = (Town::new(), Private::start());
        let databases = ["intake", "outlet", "console"].map(|_| server.database());
        for ((role, zone), database) in
            [("intake", "dmz"), ("outlet", "secure"), ("console", "secure")].into_iter().zip(&databases)
        {
            let password = format!("{zone}/ledger.password");
            sluse::durable::write(&town.at(&password), PASSWORD.as_bytes()).unwrap();
            let table = |user: &str| {
                format!(
                    "[ledger]\nurl = \"{}\"\npassword_file = \"ledger.password\"\n",
                    server.url(user, database)
                )
            };
            let owner = format!("role = \"{role}\"\ngrant_to = \"{role}\"\n{}", table("owner"));
            let path = town.at(&format!("{zone}/owner-{role}.toml"));
            fs::write(&path, owner).unwrap();

            // Before the owner has done it, the role says what to run.
            let config = format!("{zone}/{role}.toml");
            town.edit(&config, &format!("ledger = \"sqlite:{role}.db\"\n"), "");
            let text = fs::read_to_string(town.at(&config)).unwrap();
            let (head, tables) = text.split_once("\n#[ledger]").unwrap();
            fs::write(town.at(&config), format!("{head}\n{}\n#{tables}", table(role))).unwrap();
            let checked = town.sluse(&["check", "--config", &town.config(role)]);
            let said = String::from_utf8_lossy(&checked.stderr).into_owned();
            assert!(!checked.status.success() && said.contains("sluse ledger migrate"), "{said}");

            let path = path.display().to_string();
            let migrated = town.sluse(&["ledger", "migrate", "--config", &path]);
            assert!(migrated.status.success(), "{}", String::from_utf8_lossy(&migrated.stderr));
        }
        for (role, zone) in [("intake", "dmz"), ("outlet", "secure")] {
            let text = fs::read_to_string(town.at(&format!("{zone}/{role}.toml"))).unwrap();
            let second = text.replace("audit_dir = \"audit\"", "audit_dir = \"audit-b\"");
            fs::write(town.at(&format!("{zone}/{role}-b.toml")), second).unwrap();
        }
        let [database, ..] = databases;
        Self { town, server, database }
    }
}

/// Posts one submission and gives status and answer.
async fn post(town: &Town, intake: &str, key: &str, submission: &Value) -> (u16, Value) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let response = reqwest::Client::new()
        .post(format!("{}/v1/submissions", town.listens(intake)))
        .bearer_auth(town.token())
        .header("Idempotency-Key", key)
        .multipart(reqwest::multipart::Form::new().text("submission", submission.to_string()))
        .send()
        .await
        .unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_key_is_one_submission_at_two_intakes() {
    let mut shared = tokio::task::block_in_place(Shared::new);
    let town = &mut shared.town;
    tokio::task::block_in_place(|| {
        for role in ["intake", "intake-b", "bridge", "outlet", "outlet-b", "console"] {
            town.start(role);
        }
    });

    let (status, first) = post(town, "intake", "key-1", &parking("Ada")).await;
    assert_eq!(status, 202, "{first}");
    let (status, again) = post(town, "intake-b", "key-1", &parking("Ada")).await;
    assert_eq!((status, &again), (202, &first));
    let (status, told) = post(town, "intake-b", "key-1", &parking("Bo")).await;
    assert_eq!((status, told["code"].as_str()), (422, Some("key_reused")));

    // At the same moment: one is accepted, the other is told to wait or gets the same answer.
    let mut ids = vec![first["id"].as_str().unwrap().to_owned()];
    for n in 0..20 {
        let (key, form) = (format!("race-{n}"), parking("Ada"));
        let answers = tokio::join!(post(town, "intake", &key, &form), post(town, "intake-b", &key, &form));
        let accepted: Vec<_> = [answers.0, answers.1]
            .into_iter()
            .filter_map(|(status, answer)| match status {
                202 => Some(answer),
                409 => None,
                other => panic!("{other}: {answer}"),
            })
            .collect();
        assert!(!accepted.is_empty());
        assert!(accepted.iter().all(|answer| *answer == accepted[0]), "{accepted:?}");
        ids.push(accepted[0]["id"].as_str().unwrap().to_owned());
    }

    // An intake dies half-way through a submission; its key works at the other one before long.
    let address = town.listens("intake");
    let mut stream = std::net::TcpStream::connect(address.trim_start_matches("http://")).unwrap();
    write!(
        stream,
        "POST /v1/submissions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nIdempotency-Key: key-2\r\n\
         Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 1000\r\n\r\n--b\r\n",
        town.token()
    )
    .unwrap();
    let begun = "SELECT count(*) FROM sluse_intake.submission WHERE state = 'pending' AND holder IS NOT NULL";
    tokio::task::block_in_place(|| {
        eventually("the key is claimed", || {
            (shared.server.sql(&shared.database, begun) == "1").then_some(())
        });
    });
    let (status, told) = post(town, "intake-b", "key-2", &parking("Ada")).await;
    assert_eq!((status, told["code"].as_str()), (409, Some("in_progress")));
    town.kill("intake");
    let last = loop {
        let (status, answer) = post(town, "intake-b", "key-2", &parking("Ada")).await;
        if status == 202 {
            break answer;
        }
        assert_eq!(status, 409, "{answer}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    ids.push(last["id"].as_str().unwrap().to_owned());

    tokio::task::block_in_place(|| {
        ids.sort();
        eventually("everything is delivered", || (town.delivered() == ids).then_some(()));
        let status = town.sluse(&["status", "--json", "--config", &town.config("intake")]);
        let status: Value = serde_json::from_slice(&status.stdout).unwrap();
        assert!(
            status["submissions"].as_array().unwrap().iter().all(|state| state[0] == "relayed"),
            "{status}"
        );
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_outlive_the_server_and_nothing_is_lost() {
    let mut shared = tokio::task::block_in_place(Shared::new);
    let Shared { town, server, .. } = &mut shared;
    tokio::task::block_in_place(|| {
        for role in ["intake", "bridge", "outlet", "outlet-b", "console"] {
            town.start(role);
        }
    });
    let mut ids = Vec::new();
    let virus = town.file("virus.txt", &super::clamd::eicar());
    for n in 0..15 {
        if n % 5 == 4 {
            tokio::task::block_in_place(|| server.kill());
            let (status, told) = post(town, "intake", "down", &parking("Ada")).await;
            assert_eq!((status, told["code"].as_str()), (503, Some("unavailable")));
            tokio::task::block_in_place(|| server.restart());
        }
        let files: &[PathBuf] = if n % 5 == 0 { std::slice::from_ref(&virus) } else { &[] };
        let (portal, key) = (town.portal(), format!("key-{n}"));
        let answer = loop {
            match portal.submit(&parking("Ada"), files, Some(&key), |_| {}).await {
                Ok(answer) => break answer,
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        };
        ids.push((answer["id"].as_str().unwrap().to_owned(), files.is_empty()));
    }
    tokio::task::block_in_place(|| {
        // The form goes on without its infected file, which is reported.
        let mut all: Vec<String> = ids.iter().map(|(id, _)| id.clone()).collect();
        let mut infected: Vec<String> =
            ids.iter().filter(|(_, clean)| !clean).map(|(id, _)| id.clone()).collect();
        all.sort();
        infected.sort();
        eventually("everything is delivered", || (town.delivered() == all).then_some(()));
        eventually("what is infected is reported", || (town.quarantined() == infected).then_some(()));
    });
}

#[test]
fn environment_of_libpq_changes_nothing() {
    let shared = Shared::new();
    let check = |name: &str, value: &str| {
        let mut command = shared.town.command(&["check", "--config", &shared.town.config("console")]);
        command.env(name, value).output().unwrap()
    };
    for (name, value) in [
        ("PGHOST", "192.0.2.1"),
        ("PGHOSTADDR", "192.0.2.1"),
        ("PGPORT", "1"),
        ("PGUSER", "postgres"),
        ("PGPASSWORD", "wrong"),
        ("PGDATABASE", "postgres"),
        ("PGSSLMODE", "require"),
        ("PGSSLROOTCERT", "/gone"),
        ("PGPASSFILE", "/gone"),
        ("PGAPPNAME", "x"),
    ] {
        let checked = check(name, value);
        assert!(checked.status.success(), "{name}: {}", String::from_utf8_lossy(&checked.stderr));
    }
    for name in ["PGOPTIONS", "PGSSLCERT", "PGSSLKEY"] {
        let checked = check(name, "x");
        let said = String::from_utf8_lossy(&checked.stderr).into_owned();
        assert!(
            !checked.status.success() && said.contains(name) && said.contains("unset it"),
            "{name}: {said}"
        );
    }
}
