//! An attachment far larger than the memory that intake may use.

use futures_util::stream;

use super::town::{Town, parking};

const SIZE: u64 = 2 << 30;
const MAX_RSS_KIB: u64 = 64 << 10;

fn peak_rss_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn body(size: u64) -> (reqwest::multipart::Form, u64) {
    const CHUNK: u64 = 1 << 20;
    let chunk = bytes::Bytes::from(vec![b'a'; 1 << 20]);
    let stream = stream::iter((0..size / CHUNK).map(move |_| Ok::<_, std::io::Error>(chunk.clone())));
    let part = reqwest::multipart::Part::stream(reqwest::Body::wrap_stream(stream)).file_name("big.txt");
    (reqwest::multipart::Form::new().text("submission", parking("x").to_string()).part("file", part), size)
}

#[tokio::test]
async fn two_gibibytes_go_through_intake_in_constant_memory() {
    let mut town = Town::new();
    let contract = "dmz/rules/contracts/parking-permit.toml";
    town.edit(contract, "max_bytes = 20971520", &format!("max_bytes = {SIZE}"));
    town.edit(contract, "max_total_bytes = 52428800", &format!("max_total_bytes = {SIZE}"));
    town.start("intake");
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::new();
    let url = format!("{}/v1/submissions", town.intake());
    let (form, _) = body(SIZE);
    let answer = client.post(&url).bearer_auth(town.token()).multipart(form).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 202);
    let peak = peak_rss_kib(town.pid("intake"));
    println!("peak memory of intake: {peak} KiB");
    assert!(peak < MAX_RSS_KIB, "{peak} KiB");
    let stored: u64 = super::town::files_below(&town.at("dmz/blobs"))
        .iter()
        .map(|path| path.metadata().unwrap().len())
        .sum();
    assert!(stored >= SIZE);
}

#[tokio::test]
async fn a_streamed_body_over_the_limit_is_refused_before_it_is_read_whole() {
    let mut town = Town::new();
    town.start("intake");
    let _ = rustls::crypto::ring::default_provider().install_default();
    let url = format!("{}/v1/submissions", town.intake());
    let (form, _) = body(SIZE);
    let begin = std::time::Instant::now();
    let sent = reqwest::Client::new().post(&url).bearer_auth(town.token()).multipart(form).send().await;
    let took = begin.elapsed();
    assert_eq!(sent.unwrap().status().as_u16(), 413, "after {took:?}");
    let received = std::fs::read_to_string(format!("/proc/{}/io", town.pid("intake"))).unwrap();
    let read: u64 = received.lines().find_map(|line| line.strip_prefix("rchar: ")).unwrap().parse().unwrap();
    assert!(read < 200 << 20, "intake read {read} bytes");
}
