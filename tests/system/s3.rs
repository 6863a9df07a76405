//! The whole town over an S3 server that enforces the policies of `deploy/s3`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use super::server::Server;
use super::town::{Town, eventually, files_below, parking};

/// A town whose blobs are in buckets, each role with its own key.
fn town() -> (Town, Server) {
    let policies = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/s3");
    let users = ["intake", "bridge", "outlet"].map(|user| format!("--user={user}={policies}/{user}.json"));
    let mut arguments = vec!["sluse-dmz", "sluse-secure", "sluse-quarantine"];
    arguments.extend(users.iter().map(String::as_str));
    let (town, server) = (Town::new(), Server::start(&arguments));
    for (role, zone, buckets) in [
        ("intake", "dmz", &[("blobs", "sluse-dmz", "dir:blobs")][..]),
        (
            "bridge",
            "bridge",
            &[
                ("dmz_blobs", "sluse-dmz", "dir:../dmz/blobs"),
                ("secure_blobs", "sluse-secure", "dir:../secure/blobs"),
                ("quarantine_blobs", "sluse-quarantine", "dir:../secure/quarantine"),
            ],
        ),
        ("outlet", "secure", &[("blobs", "sluse-secure", "dir:blobs")]),
    ] {
        let (access, secret) = &server.keys[role];
        secret_file(&town, &format!("{zone}/keys/s3-access.key"), access);
        secret_file(&town, &format!("{zone}/keys/s3-secret.key"), secret);
        for (key, bucket, folder) in buckets {
            let table = format!(
                "{key} = {{ url = \"s3://{bucket}/blobs\", endpoint = \"{}\", access_key_file = \"keys/s3-access.key\", \
                 secret_key_file = \"keys/s3-secret.key\" }}",
                server.endpoint()
            );
            town.edit(
                &format!("{zone}/{role}.toml"),
                &format!("\n{key} = \"{folder}\""),
                &format!("\n{table}"),
            );
        }
    }
    (town, server)
}

fn secret_file(town: &Town, path: &str, text: &str) {
    fs::write(town.at(path), text).unwrap();
    fs::set_permissions(town.at(path), fs::Permissions::from_mode(0o600)).unwrap();
}

#[tokio::test]
async fn a_submission_goes_through_buckets_and_leaves_none_of_its_blobs_there() {
    let (mut town, server) = town();
    for role in ["intake", "bridge", "outlet"] {
        let checked = town.sluse(&["check", "--config", &town.config(role)]);
        let said = String::from_utf8_lossy(&[checked.stdout, checked.stderr].concat()).into_owned();
        assert!(checked.status.success() && said.contains("blobs: "), "{role}: {said}");
    }
    town.start_all();
    let large = "Long and plain. ".repeat(1 << 16);
    let files = [town.file("large.txt", large.as_bytes()), town.file("small.txt", b"Small and plain.")];
    let answer = town.portal().submit(&parking("Ada"), &files, None, |_| {}).await.unwrap();
    let id = answer["id"].as_str().unwrap().to_owned();
    eventually("it is delivered", || town.delivered().contains(&id).then_some(()));
    let delivered = town.at("secure/delivered/parking").join(&id);
    let texts: Vec<usize> = files_below(&delivered)
        .iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .map(|path| fs::read(path).unwrap().len())
        .collect();
    assert!(texts.iter().any(|length| *length >= large.len()) && texts.len() == 2, "{texts:?}");
    for bucket in ["sluse-dmz", "sluse-secure", "sluse-quarantine"] {
        eventually("its blobs are removed", || (server.objects(bucket) == 0).then_some(()));
    }
    for folder in ["dmz/blobs", "secure/blobs", "secure/quarantine"] {
        assert_eq!(files_below(&town.at(folder)), Vec::<PathBuf>::new());
    }
}

#[tokio::test]
async fn orphans_in_the_dmz_are_removed_by_the_bridge() {
    let (mut town, server) = town();
    town.start("intake");
    let file = town.file("small.txt", b"Small and plain.");
    town.portal().submit(&parking("Ada"), &[file], None, |_| {}).await.unwrap();
    town.terminate("intake");
    assert_eq!(server.objects("sluse-dmz"), 1);

    // No message names the blob any more.
    for file in ["queue.db", "queue.db-wal", "queue.db-shm"] {
        let _ = fs::remove_file(town.at("dmz").join(file));
    }
    server.age("sluse-dmz", "", 401 * 86_400);
    town.start("intake");
    town.start("bridge");
    eventually("the orphan is removed", || (server.objects("sluse-dmz") == 0).then_some(()));
    town.terminate("bridge");
    town.terminate("intake");
    assert!(!(town.log("intake") + &town.log("bridge")).contains("orphan"));
}

#[test]
fn check_says_what_is_wrong_with_a_bucket_and_shows_no_secret() {
    let (town, mut server) = town();
    let config = town.config("intake");
    let check = |says: &str| {
        let checked = town.sluse(&["check", "--config", &config]);
        let said = String::from_utf8_lossy(&[checked.stdout, checked.stderr].concat()).into_owned();
        assert!(!checked.status.success() && said.contains(says), "{said}");
        assert!(!said.contains(&server.keys["intake"].1) && !said.contains("wrong-secret"), "{said}");
    };
    secret_file(&town, "dmz/keys/s3-secret.key", "wrong-secret");
    check("the secret key does not belong to the access key");
    secret_file(&town, "dmz/keys/s3-access.key", "AKIDWRONG");
    check("does not know the access key");
    fs::set_permissions(town.at("dmz/keys/s3-secret.key"), fs::Permissions::from_mode(0o640)).unwrap();
    check("chmod 600");
    fs::set_permissions(town.at("dmz/keys/s3-secret.key"), fs::Permissions::from_mode(0o600)).unwrap();
    let endpoint = server.endpoint();
    town.edit("dmz/intake.toml", &endpoint, "http://s3.example");
    check("only https is taken");
    town.edit("dmz/intake.toml", "http://s3.example", &endpoint);
    town.edit("dmz/intake.toml", "endpoint = ", "endpoints = ");
    check("unknown field");
    town.edit("dmz/intake.toml", "endpoints = ", "endpoint = ");
    server.kill();
    let checked = town.sluse(&["check", "--config", &config]);
    assert!(String::from_utf8_lossy(&checked.stderr).contains("cannot be reached"));
}
