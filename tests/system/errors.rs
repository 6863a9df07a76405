//! Every way in which a portal can be told no.

use std::io::{Read as _, Write as _};

use serde_json::{Value, json};

use super::town::{Town, parking};

fn form(submission: &Value) -> reqwest::multipart::Form {
    reqwest::multipart::Form::new().text("submission", submission.to_string())
}

fn attached(form: reqwest::multipart::Form, bytes: Vec<u8>) -> reqwest::multipart::Form {
    form.part("file", reqwest::multipart::Part::bytes(bytes).file_name("a.txt"))
}

struct Client {
    http: reqwest::Client,
    url: String,
    token: String,
}

impl Client {
    fn new(town: &Town) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let url = format!("{}/v1/submissions", town.intake());
        Self { http: reqwest::Client::new(), url, token: town.token() }
    }

    fn post(&self) -> reqwest::RequestBuilder {
        self.http.post(&self.url).bearer_auth(&self.token)
    }
}

/// Sends and gives status and problem.
async fn problem(request: reqwest::RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    if status >= 400 {
        assert_eq!(response.headers()["content-type"], "application/problem+json");
    }
    (status, response.json().await.unwrap())
}

#[tokio::test]
async fn what_is_not_accepted_is_refused_with_limit_and_remedy() {
    let mut town = Town::new();
    town.start("intake");
    let client = Client::new(&town);

    let (status, told) =
        problem(client.http.post(&client.url).bearer_auth("wrong").multipart(form(&parking("x")))).await;
    assert_eq!((status, told["code"].as_str()), (401, Some("unauthorized")));

    let mut unknown = parking("x");
    unknown["form"] = json!("no-such-form");
    let (status, told) = problem(client.post().multipart(form(&unknown))).await;
    assert_eq!((status, told["code"].as_str()), (422, Some("unknown_form")));

    let mut wrong = parking("x");
    wrong["fields"]["registration"] = json!("lower case");
    let (status, told) = problem(client.post().multipart(form(&wrong))).await;
    assert_eq!((status, told["code"].as_str()), (422, Some("fields_invalid")));
    assert_eq!(told["errors"][0]["pointer"], "/registration");

    let (status, told) = problem(client.post().header("Content-Type", "text/plain").body("x")).await;
    assert_eq!((status, told["code"].as_str()), (400, Some("malformed")));
    let cut = "--b\r\nContent-Disposition: form-data; name=\"submission\"\r\n\r\n{";
    let (status, told) =
        problem(client.post().header("Content-Type", "multipart/form-data; boundary=b").body(cut)).await;
    assert_eq!((status, told["code"].as_str()), (400, Some("malformed")));

    let too_large = vec![b'a'; (20 << 20) + 1];
    let (status, told) = problem(client.post().multipart(attached(form(&parking("x")), too_large))).await;
    assert_eq!(
        (status, told["code"].as_str(), told["limit"].as_u64()),
        (413, Some("too_large"), Some(20 << 20))
    );
    assert_eq!(told["limit_name"], "attachments.max_bytes");

    let mut many = form(&parking("x"));
    for _ in 0..11 {
        many = attached(many, vec![b'a']);
    }
    let (status, told) = problem(client.post().multipart(many)).await;
    assert_eq!((status, told["limit_name"].as_str()), (413, Some("attachments.max_count")));

    let unknown = format!("{}/0198a2b4-0000-7000-8000-000000000000", client.url);
    let (status, told) = problem(client.http.get(unknown).bearer_auth(&client.token)).await;
    assert_eq!((status, told["code"].as_str()), (404, Some("not_found")));

    // None of it left anything behind.
    let queue = town.sluse(&["queue", "ls", "--config", &town.config("intake")]);
    assert!(String::from_utf8_lossy(&queue.stdout).contains("nothing to show"), "{queue:?}");
    super::town::eventually("no blob is left", || {
        super::town::files_below(&town.at("dmz/blobs")).is_empty().then_some(())
    });
}

#[test]
fn an_announced_length_over_every_limit_is_refused_before_the_body() {
    let mut town = Town::new();
    town.start("intake");
    let address = town.intake().replace("http://", "");
    let mut stream = std::net::TcpStream::connect(&address).unwrap();
    let head = format!(
        "POST /v1/submissions HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {}\r\n\
         Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 10000000000\r\n\r\n",
        town.token()
    );
    stream.write_all(head.as_bytes()).unwrap();
    // Nothing of the body is sent, and the answer comes all the same.
    let mut answer = vec![0; 4096];
    let length = stream.read(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer[..length]).into_owned();
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
}

#[tokio::test]
async fn a_repeated_idempotency_key_gives_the_same_receipt() {
    let mut town = Town::new();
    town.start_all();
    let portal = town.portal();
    let first = portal.submit(&parking("x"), &[], Some("key-1"), |_| {}).await.unwrap();
    let again = portal.submit(&parking("x"), &[], Some("key-1"), |_| {}).await.unwrap();
    let other = portal.submit(&parking("x"), &[], Some("key-2"), |_| {}).await.unwrap();
    assert_eq!(first, again);
    assert_ne!(first["id"], other["id"]);
    for answer in [&first, &other] {
        portal.wait(answer["id"].as_str().unwrap()).await.unwrap();
    }
    super::town::eventually("both are delivered", || (town.delivered().len() == 2).then_some(()));

    let public = town.at("dmz/public/intake-sign.pub");
    let keys = vec![sluse_envelope::key_file::read_public(&public).unwrap()];
    let ring = sluse_envelope::VerifyingKeyRing::new(keys);
    let receipt =
        sluse_envelope::jws::verify(&ring, sluse_envelope::jws::RECEIPT, first["receipt"].as_str().unwrap());
    let receipt: Value = serde_json::from_slice(&receipt.unwrap()).unwrap();
    assert_eq!(receipt["id"], first["id"]);
}

#[tokio::test]
async fn a_full_disk_is_told_and_nothing_is_half_accepted() {
    let mut town = Town::new();
    town.edit("dmz/intake.toml", "min_free_bytes = 0", &format!("min_free_bytes = {}", 1_u64 << 60));
    town.start("intake");
    let client = Client::new(&town);
    let (status, told) =
        problem(client.post().multipart(attached(form(&parking("x")), vec![b'a'; 100]))).await;
    assert_eq!((status, told["code"].as_str()), (507, Some("storage_full")));
    assert_eq!(super::town::files_below(&town.at("dmz/blobs")), Vec::<std::path::PathBuf>::new());

    // With room again the same request is accepted.
    town.terminate("intake");
    town.edit("dmz/intake.toml", &format!("min_free_bytes = {}", 1_u64 << 60), "min_free_bytes = 0");
    town.start("intake");
    let client = Client::new(&town);
    let (status, _) = problem(client.post().multipart(attached(form(&parking("x")), vec![b'a'; 100]))).await;
    assert_eq!(status, 202);
}
